//! `output[i, :] = table[indices[i], :]` of a table whose rows are caught up only when they are used.

use super::gather::{Builds, OUTPUT_SCALAR, OUTPUT_VEC4, builds, of_each_shard};
use super::{Binding, Kernel, LOOKUPS, Quad, SHARD_LOOKUPS, Shard, WORKGROUP_SIZE, Words, part};
use crate::error::Result;
use crate::gpu::batch::GpuLookups;
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::history::{FIRST_POWER, POWERS};
use crate::gpu::table::{Deferred, GpuTable};

macro_rules! build {
    ($batch:expr, [$($lookups:literal),*], $call:expr, $output:literal) => {
        Kernel {
            name: "gather_deferred",
            parts: &[
                part!("shared/grid.wgsl"),
                part!("shared/row.wgsl"),
                part!("shared/shard.wgsl"),
                $(part!($lookups),)*
                part!($output),
                part!("shared/missed_steps.wgsl"),
                part!("gather_deferred.wgsl"),
            ],
            groups: &[TABLE, $batch, $call],
            constants: &["DIM", "QUADS", "THREADS", "DECAYING", "TERMS", "RING"],
            mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE), ("POWERS", POWERS), ("FIRST_POWER", FIRST_POWER)],
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

builds!(build);

/// One dispatch for each shard that the batch may have rows of; there must be lookups.
pub(crate) fn dispatches(
    gpu: &Gpu,
    table: &GpuTable,
    deferred: &Deferred,
    lookups: &GpuLookups,
    output: wgpu::BufferBinding<'_>,
) -> Result<Vec<Dispatch>> {
    of_each_shard(gpu, table, lookups, output, &BUILDS, &deferred.constants())
}
