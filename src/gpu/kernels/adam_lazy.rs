//! Adam on the batch's rows.

use super::{Kernel, WORKGROUP_SIZE, adam, part};
use crate::error::{Error, Result};
use crate::gpu::batch::SortedRuns;
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::mapping::RowMapping;
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
    let mapping = RowMapping::moved(gpu, table.layout);
    let pipeline = mapping.pipeline(gpu, &KERNEL, Some(amsgrad))?;
    let mut dispatches = Vec::new();
    for (shard, (run_count, uniform)) in table.shards.iter().zip(&runs.shards) {
        if *run_count == 0 {
            continue;
        }
        let moments = shard.moments.as_ref().ok_or(Error::Frozen)?;
        let resources = adam::resources(table, shard, moments, runs, uniform, sums.clone());
        let workgroups = mapping.workgroups(*run_count);
        dispatches.push(gpu.dispatch(&pipeline, &resources, workgroups)?);
    }
    Ok(dispatches)
}
