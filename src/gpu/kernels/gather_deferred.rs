//! `output[i, :] = table[indices[i], :]` of a table whose rows are caught up only when they are used.

use super::gather::{OUTPUT_SCALAR, OUTPUT_VEC4, of_each_shard};
use super::{Binding, Kernel, LOOKUPS, Quad, Shard, WORKGROUP_SIZE, Words, part};
use crate::error::Result;
use crate::gpu::batch::GpuLookups;
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::table::{Deferred, GpuTable};

macro_rules! build {
    ($output:literal, $call:expr) => {
        Kernel {
            name: "gather_deferred",
            parts: &[
                part!("shared/grid.wgsl"),
                part!("shared/row.wgsl"),
                part!("shared/shard.wgsl"),
                part!("shared/lookups.wgsl"),
                part!($output),
                part!("shared/missed_steps.wgsl"),
                part!("gather_deferred.wgsl"),
            ],
            groups: &[TABLE, LOOKUPS, $call],
            constants: &["DIM", "QUADS", "THREADS", "DECAYING", "RING"],
            mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE)],
        }
    };
}

/// Group 0: a shard with what its weights have still to become.
pub(crate) static TABLE: &[Binding] = &[
    Binding::uniform::<Shard>(0, "shard"),
    Binding::read::<Quad>(2, "weights"),
    Binding::read::<Quad>(3, "first_moment"),
    Binding::read::<Quad>(4, "root_moment"),
    Binding::read::<u32>(6, "last_step"),
    Binding::read::<Words>(7, "history"),
];

/// For `output_dim` a multiple of 4.
pub static VEC4: Kernel = build!("shared/output_vec4.wgsl", OUTPUT_VEC4);
/// For any other `output_dim`.
pub static SCALAR: Kernel = build!("shared/output_scalar.wgsl", OUTPUT_SCALAR);

/// One dispatch a shard; there must be lookups.
pub(crate) fn dispatches(
    gpu: &Gpu,
    table: &GpuTable,
    deferred: &Deferred,
    lookups: &GpuLookups,
    output: wgpu::BufferBinding<'_>,
) -> Result<Vec<Dispatch>> {
    let kernel = table.mapping.by_width(&VEC4, &SCALAR);
    let pipeline = table.mapping.pipeline(gpu, kernel, &deferred.constants())?;
    of_each_shard(gpu, table, lookups, &pipeline, gpu.bind("gather_deferred", kernel.groups[2], &[output])?)
}
