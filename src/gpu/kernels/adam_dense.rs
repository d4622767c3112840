//! Adam on every row.

use super::{Kernel, WORKGROUP_SIZE, adam, part};
use crate::error::{Error, Result};
use crate::gpu::batch::SortedRuns;
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::mapping::RowMapping;
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
    let mapping = RowMapping::moved(gpu, table.layout);
    let pipeline = mapping.pipeline(gpu, &KERNEL, Some(amsgrad))?;
    let mut dispatches = Vec::new();
    for (shard, (_, uniform)) in table.shards.iter().zip(&runs.shards) {
        let moments = shard.moments.as_ref().ok_or(Error::Frozen)?;
        let resources = adam::resources(table, shard, moments, runs, uniform, sums.clone());
        let quads = u64::from(shard.rows.end - shard.rows.start) * u64::from(table.layout.quads());
        let workgroups = quads.div_ceil(QUADS_PER_WORKGROUP.into());
        dispatches.push(gpu.dispatch(&pipeline, &resources, workgroups)?);
    }
    Ok(dispatches)
}
