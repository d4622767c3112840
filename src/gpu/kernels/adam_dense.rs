//! Adam on every row.

use super::scatter_add::{self, Target};
use super::{GRADIENT_SCALAR, GRADIENT_VEC4, Kernel, PLAN, WORKGROUP_SIZE, adam, part};
use crate::error::{Error, Result};
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::layout::QUAD_BYTES;
use crate::gpu::plan::CHUNK;
use crate::gpu::region::check_binding_size;
use crate::gpu::update::Update;

macro_rules! build {
    ($gradient:literal, $call:expr) => {
        Kernel {
            name: "adam_dense",
            parts: &[
                part!("shared/grid.wgsl"),
                part!("shared/row.wgsl"),
                part!("shared/shard.wgsl"),
                part!("shared/plan_layout.wgsl"),
                part!("shared/plan.wgsl"),
                part!($gradient),
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

/// For `output_dim` a multiple of 4.
pub static VEC4: Kernel = build!("shared/gradient_vec4.wgsl", GRADIENT_VEC4);
/// For any other `output_dim`.
pub static SCALAR: Kernel = build!("shared/gradient_scalar.wgsl", GRADIENT_SCALAR);

/// Quads that one workgroup updates; `QUADS_PER_WORKGROUP` in adam_dense.wgsl.
pub const QUADS_PER_WORKGROUP: u32 = 1024;

/// The sums of all runs, then one dispatch a shard.
pub(crate) fn dispatches(gpu: &Gpu, update: &Update<'_>) -> Result<Vec<Dispatch>> {
    let Update { table, runs, plan, .. } = *update;
    let mapping = table.mapping;
    let kernel = mapping.by_width(&VEC4, &SCALAR);
    let pipeline = mapping.pipeline(gpu, kernel, &update.constants())?;
    let bytes = (u64::from(runs.run_count) * table.layout.dense_row_bytes()).max(QUAD_BYTES);
    check_binding_size("the batch's summed gradient", bytes, &gpu.limits)?;
    let sums = table.row_sums.at_least(gpu, bytes)?;
    // Not the whole buffer, which may exceed a binding.
    let sums = wgpu::BufferBinding { buffer: &sums, offset: 0, size: wgpu::BufferSize::new(bytes) };
    let mut dispatches = Vec::new();
    if runs.run_count > 0 {
        let [gradient, partial_sums] = update.gradient_and_partial_sums();
        dispatches.push(scatter_add::dispatch(
            gpu,
            &table.summing,
            (Target::Compact, runs.run_count),
            table.shards[0].uniform.as_entire_buffer_binding(),
            plan,
            [gradient, sums.clone(), partial_sums],
        )?);
    }
    let sums = gpu.bind("adam_dense", kernel.groups[2], &[sums])?;
    for shard in &table.shards {
        let group = shard.update_group.as_ref().ok_or(Error::Frozen)?;
        let quads = u64::from(shard.rows.end - shard.rows.start) * u64::from(table.layout.quads());
        let workgroups = quads.div_ceil(QUADS_PER_WORKGROUP.into());
        dispatches.push(gpu.dispatch(&pipeline, [Some(group), Some(plan), Some(&sums)], workgroups)?);
    }
    Ok(dispatches)
}
