//! Adam on the batch's rows.

use super::{Kernel, WORKGROUP_SIZE, adam, part};
use crate::error::Result;
use crate::gpu::batch::SortedRuns;
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::table::GpuTable;

/// The one build.
pub static KERNEL: Kernel = Kernel {
    name: "adam_lazy",
    parts: &[
        part!("shared/grid.wgsl"),
        part!("shared/row.wgsl"),
        part!("shared/runs.wgsl"),
        part!("shared/adam.wgsl"),
        part!("adam_lazy.wgsl"),
    ],
    bindings: adam::BINDINGS,
    constants: &["DIM", "QUADS", "THREADS", "AMSGRAD"],
    mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE)],
};

/// One dispatch for each shard that the batch has rows of.
pub(crate) fn dispatches(
    gpu: &Gpu,
    table: &GpuTable,
    runs: &SortedRuns,
    sums: wgpu::BufferBinding<'_>,
    amsgrad: bool,
) -> Result<Vec<Dispatch>> {
    adam::dispatches(gpu, table, runs, sums, (&KERNEL, amsgrad), |mapping, _, run_count| {
        mapping.workgroups(run_count)
    })
}
