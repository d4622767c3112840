//! `output[i, :] = table[indices[i], :]`

use std::sync::Arc;

use super::{Binding, Kernel, LOOKUPS, Quad, Shard, WORKGROUP_SIZE, part};
use crate::error::Result;
use crate::gpu::batch::GpuLookups;
use crate::gpu::device::{Dispatch, Gpu, Pipeline};
use crate::gpu::table::{GpuTable, Shard as TableShard};

macro_rules! build {
    ($output:literal, $call:expr) => {
        Kernel {
            name: "gather",
            parts: &[
                part!("shared/grid.wgsl"),
                part!("shared/row.wgsl"),
                part!("shared/shard.wgsl"),
                part!("shared/lookups.wgsl"),
                part!($output),
                part!("gather.wgsl"),
            ],
            groups: &[TABLE, LOOKUPS, $call],
            constants: &["DIM", "QUADS", "THREADS"],
            mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE)],
        }
    };
}

/// Group 0: a shard.
pub(crate) static TABLE: &[Binding] = &[Binding::uniform::<Shard>(0, "shard"), Binding::read::<Quad>(2, "weights")];

/// Group 2: the caller's output.
pub(super) static OUTPUT_VEC4: &[Binding] = &[Binding::read_write::<Quad>(1, "output")];
pub(super) static OUTPUT_SCALAR: &[Binding] = &[Binding::read_write::<f32>(1, "output")];

/// For `output_dim` a multiple of 4.
pub static VEC4: Kernel = build!("shared/output_vec4.wgsl", OUTPUT_VEC4);
/// For any other `output_dim`.
pub static SCALAR: Kernel = build!("shared/output_scalar.wgsl", OUTPUT_SCALAR);

/// One dispatch for each shard that the batch may have rows of; there must be lookups.
pub(crate) fn dispatches(
    gpu: &Gpu,
    table: &GpuTable,
    lookups: &GpuLookups,
    output: wgpu::BufferBinding<'_>,
) -> Result<Vec<Dispatch>> {
    let mapping = table.mapping;
    let kernel = mapping.by_width(&VEC4, &SCALAR);
    let pipeline = mapping.pipeline(gpu, kernel, &[])?;
    of_each_shard(gpu, table, lookups, &pipeline, gpu.bind("gather", kernel.groups[2], &[output])?)
}

/// One dispatch a shard, of this kernel or of `gather_deferred`.
pub(super) fn of_each_shard(
    gpu: &Gpu,
    table: &GpuTable,
    lookups: &GpuLookups,
    pipeline: &Arc<Pipeline>,
    output: wgpu::BindGroup,
) -> Result<Vec<Dispatch>> {
    let workgroups = table.mapping.workgroups(lookups.count);
    let group = lookups.group(gpu)?;
    let of_shard = |shard: &TableShard| {
        gpu.dispatch(pipeline, [Some(&shard.lookup_group), Some(group), Some(&output)], workgroups)
    };
    let shards = table.shards.iter().enumerate();
    shards.filter(|(number, _)| lookups.has_rows_of(*number)).map(|(_, shard)| of_shard(shard)).collect()
}
