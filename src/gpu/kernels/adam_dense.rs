//! Adam on every row.

use super::{Binding, Kernel, PLAN, Quad, WORKGROUP_SIZE, adam, part};
use crate::error::{Error, Result};
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::plan::CHUNK;
use crate::gpu::record::Update;

macro_rules! build {
    ($gradient:literal, $call:expr) => {
        Kernel {
            name: "adam_dense",
            parts: &[
                part!("shared/grid.wgsl"),
                part!("shared/row.wgsl"),
                part!("shared/shard.wgsl"),
                part!("shared/plan.wgsl"),
                part!($gradient),
                part!("shared/sum_lookups.wgsl"),
                part!("shared/partial_slots.wgsl"),
                part!("shared/sum_partials.wgsl"),
                part!("shared/any_run.wgsl"),
                part!("shared/adam.wgsl"),
                part!("adam_dense.wgsl"),
            ],
            groups: &[adam::TABLE, PLAN, $call],
            constants: &["DIM", "QUADS", "THREADS", "AMSGRAD", "CLIPPED"],
            mirrored: &[
                ("WORKGROUP_SIZE", WORKGROUP_SIZE),
                ("CHUNK", CHUNK),
                ("QUADS_PER_WORKGROUP", QUADS_PER_WORKGROUP),
            ],
        }
    };
}

static CALL_VEC4: &[Binding] = &[Binding::read::<Quad>(0, "gradient"), Binding::read::<Quad>(2, "partial_sums")];
static CALL_SCALAR: &[Binding] = &[Binding::read::<f32>(0, "gradient"), Binding::read::<Quad>(2, "partial_sums")];

/// For `output_dim` a multiple of 4.
pub static VEC4: Kernel = build!("shared/gradient_vec4.wgsl", CALL_VEC4);
/// For any other `output_dim`.
pub static SCALAR: Kernel = build!("shared/gradient_scalar.wgsl", CALL_SCALAR);

/// Quads that one workgroup updates; `QUADS_PER_WORKGROUP` in adam_dense.wgsl.
pub const QUADS_PER_WORKGROUP: u32 = 1024;

/// One dispatch a shard.
pub(crate) fn dispatches(gpu: &Gpu, update: &Update<'_>) -> Result<Vec<Dispatch>> {
    let mapping = update.table.mapping;
    let kernel = mapping.by_width(&VEC4, &SCALAR);
    let pipeline = mapping.pipeline(gpu, kernel, &update.constants())?;
    let call = gpu.bind("adam_dense", kernel.groups[2], &update.gradient_and_partial_sums())?;
    let of_shard = |shard: &crate::gpu::table::Shard| {
        let group = shard.update_group.as_ref().ok_or(Error::Frozen)?;
        let quads = u64::from(shard.rows.end - shard.rows.start) * u64::from(update.table.layout.quads());
        let workgroups = quads.div_ceil(QUADS_PER_WORKGROUP.into());
        gpu.dispatch(&pipeline, [Some(group), Some(update.plan), Some(&call)], workgroups)
    };
    update.table.shards.iter().map(of_shard).collect()
}
