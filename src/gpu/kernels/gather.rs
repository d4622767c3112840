//! `output[i, :] = table[indices[i], :]`

use super::{Binding, Kernel, LOOKUPS, Quad, SHARD_LOOKUPS, Shard, WORKGROUP_SIZE, part};
use crate::error::Result;
use crate::gpu::batch::GpuLookups;
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::table::GpuTable;

macro_rules! build {
    ($batch:expr, [$($lookups:literal),*], $call:expr, $output:literal) => {
        Kernel {
            name: "gather",
            parts: &[
                part!("shared/grid.wgsl"),
                part!("shared/row.wgsl"),
                part!("shared/shard.wgsl"),
                $(part!($lookups),)*
                part!($output),
                part!("gather.wgsl"),
            ],
            groups: &[TABLE, $batch, $call],
            constants: &["DIM", "QUADS", "THREADS"],
            mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE)],
        }
    };
}

/// The four builds of a kernel that looks rows up: all of the batch, or those of the shard, and for two kinds of widths.
macro_rules! builds {
    ($build:ident) => {
        /// All lookups, for `output_dim` a multiple of 4.
        pub static ALL_VEC4: Kernel = $build!(
            LOOKUPS,
            ["shared/lookups.wgsl", "shared/all_lookups.wgsl"],
            OUTPUT_VEC4,
            "shared/output_vec4.wgsl"
        );
        /// All lookups, for any other `output_dim`.
        pub static ALL_SCALAR: Kernel = $build!(
            LOOKUPS,
            ["shared/lookups.wgsl", "shared/all_lookups.wgsl"],
            OUTPUT_SCALAR,
            "shared/output_scalar.wgsl"
        );
        /// The shard's lookups, for `output_dim` a multiple of 4.
        pub static OWN_VEC4: Kernel = $build!(
            SHARD_LOOKUPS,
            ["shared/lookups.wgsl", "shared/shard_lookups.wgsl"],
            OUTPUT_VEC4,
            "shared/output_vec4.wgsl"
        );
        /// The shard's lookups, for any other `output_dim`.
        pub static OWN_SCALAR: Kernel = $build!(
            SHARD_LOOKUPS,
            ["shared/lookups.wgsl", "shared/shard_lookups.wgsl"],
            OUTPUT_SCALAR,
            "shared/output_scalar.wgsl"
        );

        static BUILDS: Builds = Builds { all: [&ALL_VEC4, &ALL_SCALAR], own: [&OWN_VEC4, &OWN_SCALAR] };
    };
}
pub(super) use builds;

/// Group 0: a shard.
pub(crate) static TABLE: &[Binding] = &[Binding::uniform::<Shard>(0, "shard"), Binding::read::<Quad>(2, "weights")];

/// Group 2: the caller's output.
pub(super) static OUTPUT_VEC4: &[Binding] = &[Binding::read_write::<Quad>(1, "output")];
pub(super) static OUTPUT_SCALAR: &[Binding] = &[Binding::read_write::<f32>(1, "output")];

builds!(build);

/// The builds of one kernel, each for widths that are a multiple of 4 and for others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Builds {
    pub all: [&'static Kernel; 2],
    pub own: [&'static Kernel; 2],
}

/// One dispatch for each shard that the batch may have rows of; there must be lookups.
pub(crate) fn dispatches(
    gpu: &Gpu,
    table: &GpuTable,
    lookups: &GpuLookups,
    output: wgpu::BufferBinding<'_>,
) -> Result<Vec<Dispatch>> {
    of_each_shard(gpu, table, lookups, output, &BUILDS, &[])
}

/// The dispatches of this kernel, or of `gather_deferred` with its own builds and constants.
pub(super) fn of_each_shard(
    gpu: &Gpu,
    table: &GpuTable,
    lookups: &GpuLookups,
    output: wgpu::BufferBinding<'_>,
    builds: &Builds,
    constants: &[f64],
) -> Result<Vec<Dispatch>> {
    let mapping = table.mapping;
    let [vec4, scalar] = if lookups.of_shards().is_some() { builds.own } else { builds.all };
    let kernel = mapping.by_width(vec4, scalar);
    let pipeline = mapping.pipeline(gpu, kernel, constants)?;
    let output = gpu.bind(kernel.name, kernel.groups[2], &[output])?;
    let mut dispatches = Vec::new();
    for (number, shard) in table.shards.iter().enumerate() {
        let count = lookups.of_shards().map_or(lookups.count, |counts| counts[number]);
        if count > 0 {
            let groups = [Some(&shard.lookup_group), Some(lookups.group(gpu)?), Some(&output)];
            dispatches.push(gpu.dispatch(&pipeline, groups, mapping.workgroups(count))?);
        }
    }
    Ok(dispatches)
}
