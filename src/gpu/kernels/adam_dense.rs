//! Adam on every row.

use super::{Kernel, WORKGROUP_SIZE, adam, part};
use crate::error::Result;
use crate::gpu::batch::SortedRuns;
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::table::GpuTable;

/// The one build.
pub static KERNEL: Kernel = Kernel {
    name: "adam_dense",
    parts: &[
        part!("shared/grid.wgsl"),
        part!("shared/row.wgsl"),
        part!("shared/runs.wgsl"),
        part!("shared/adam.wgsl"),
        part!("adam_dense.wgsl"),
    ],
    bindings: adam::BINDINGS,
    constants: &["DIM", "QUADS", "THREADS", "AMSGRAD"],
    mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE), ("QUADS_PER_WORKGROUP", QUADS_PER_WORKGROUP)],
};

/// Quads that one workgroup updates; `QUADS_PER_WORKGROUP` in adam_dense.wgsl.
pub const QUADS_PER_WORKGROUP: u32 = 1024;

/// One dispatch a shard.
pub(crate) fn dispatches(
    gpu: &Gpu,
    table: &GpuTable,
    runs: &SortedRuns,
    sums: wgpu::BufferBinding<'_>,
    amsgrad: bool,
) -> Result<Vec<Dispatch>> {
    adam::dispatches(gpu, table, runs, sums, (&KERNEL, amsgrad), |_, shard, _| {
        let quads = u64::from(shard.rows.end - shard.rows.start) * u64::from(table.layout.quads());
        quads.div_ceil(QUADS_PER_WORKGROUP.into())
    })
}
