//! Counts the GPU-resident indices outside the table.

use super::{Binding, Kernel, LOOKUPS, WORKGROUP_SIZE, part, shader_struct};
use crate::error::Result;
use crate::gpu::batch::GpuLookups;
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::table::GpuTable;

/// The one build.
pub static KERNEL: Kernel = Kernel {
    name: "index_check",
    parts: &[part!("shared/grid.wgsl"), part!("shared/lookups.wgsl"), part!("index_check.wgsl")],
    groups: &[REPORT, LOOKUPS],
    constants: &[],
    mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE)],
};

/// Group 0.
pub(crate) static REPORT: &[Binding] =
    &[Binding::uniform::<Table>(0, "table"), Binding::read_write::<Report>(1, "report")];

shader_struct! {
    /// `Table` in index_check.wgsl.
    pub(crate) struct Table {
        input_dim: u32,
    }
}

shader_struct! {
    /// `Report` in index_check.wgsl: all zeros when nothing was found.
    pub(crate) struct Report {
        count_low: u32,
        count_high: u32,
        first_complement: u32,
    }
}

impl Report {
    /// How many indices were outside the table and the lowest position of one, if any was.
    pub(crate) fn found(self) -> Option<(u64, u32)> {
        let count = u64::from(self.count_low) | u64::from(self.count_high) << 32;
        (count > 0).then_some((count, !self.first_complement))
    }
}

/// One dispatch; there must be lookups.
pub(crate) fn dispatch(gpu: &Gpu, table: &GpuTable, lookups: &GpuLookups) -> Result<Dispatch> {
    let pipeline = gpu.pipeline(&KERNEL, &[])?;
    let groups = [Some(&table.report_group), Some(lookups.group(gpu)?), None];
    gpu.dispatch(&pipeline, groups, u64::from(lookups.count).div_ceil(WORKGROUP_SIZE.into()))
}
