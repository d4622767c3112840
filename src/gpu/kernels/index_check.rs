//! Counts the GPU-resident indices outside the table.

use super::{Binding, Kernel, Lookups, WORKGROUP_SIZE, part, shader_struct};
use crate::error::Result;
use crate::gpu::batch::GpuLookups;
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::table::GpuTable;

/// The one build.
pub static KERNEL: Kernel = Kernel {
    name: "index_check",
    parts: &[part!("shared/grid.wgsl"), part!("index_check.wgsl")],
    bindings: &[
        Binding::uniform::<Table>("table"),
        Binding::uniform::<Lookups>("lookups"),
        Binding::read::<u32>("indices"),
        Binding::read_write::<Report>("report"),
    ],
    constants: &[],
    mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE)],
};

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
    let resources = [
        table.uniform.as_entire_buffer_binding(),
        lookups.uniform.binding(),
        lookups.indices.binding(),
        table.report.buffer.as_entire_buffer_binding(),
    ];
    gpu.dispatch(&pipeline, &resources, u64::from(lookups.count).div_ceil(WORKGROUP_SIZE.into()))
}
