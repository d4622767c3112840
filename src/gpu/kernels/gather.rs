//! `output[i, :] = table[indices[i], :]`

use super::{Binding, Kernel, Lookups, Quad, Shard, WORKGROUP_SIZE, part};
use crate::error::Result;
use crate::gpu::batch::GpuLookups;
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::mapping::RowMapping;
use crate::gpu::table::{GpuTable, Shard as TableShard};

macro_rules! build {
    ($output:literal, $element:ty) => {
        Kernel {
            name: "gather",
            parts: &[
                part!("shared/grid.wgsl"),
                part!("shared/row.wgsl"),
                part!("shared/shard.wgsl"),
                part!($output),
                part!("gather.wgsl"),
            ],
            bindings: &[
                Binding::read_write::<$element>("output"),
                Binding::uniform::<Shard>("shard"),
                Binding::uniform::<Lookups>("lookups"),
                Binding::read::<u32>("indices"),
                Binding::read::<Quad>("weights"),
            ],
            constants: &["DIM", "QUADS", "THREADS"],
            mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE)],
        }
    };
}

/// For `output_dim` a multiple of 4.
pub static VEC4: Kernel = build!("shared/output_vec4.wgsl", Quad);
/// For any other `output_dim`.
pub static SCALAR: Kernel = build!("shared/output_scalar.wgsl", f32);

/// One dispatch a shard; there must be lookups.
pub(crate) fn dispatches(
    gpu: &Gpu,
    table: &GpuTable,
    lookups: &GpuLookups,
    output: wgpu::BufferBinding<'_>,
) -> Result<Vec<Dispatch>> {
    let mapping = RowMapping::moved(gpu, table.layout);
    let pipeline = mapping.pipeline(gpu, mapping.by_width(&VEC4, &SCALAR), None)?;
    let of_shard = |shard: &TableShard| {
        let resources = [
            output.clone(),
            shard.uniform.as_entire_buffer_binding(),
            lookups.uniform.binding(),
            lookups.indices.binding(),
            shard.weights.as_entire_buffer_binding(),
        ];
        gpu.dispatch(&pipeline, &resources, mapping.workgroups(lookups.count))
    };
    table.shards.iter().map(of_shard).collect()
}
