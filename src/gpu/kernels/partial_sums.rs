//! The sums of the chunks of rows with more lookups than a chunk, level by level.

use super::{Binding, GRADIENT_SCALAR, GRADIENT_VEC4, Kernel, PLAN, Quad, WORKGROUP_SIZE, part};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::mapping::RowMapping;
use crate::gpu::plan::{CHUNK, partial_slots};

macro_rules! build {
    ($gradient:literal, $call:expr) => {
        Kernel {
            name: "partial_sums",
            parts: &[
                part!("shared/grid.wgsl"),
                part!("shared/row.wgsl"),
                part!("shared/plan_layout.wgsl"),
                part!("shared/plan.wgsl"),
                part!($gradient),
                part!("shared/sum_lookups.wgsl"),
                part!("shared/partial_slots.wgsl"),
                part!("partial_sums.wgsl"),
            ],
            groups: &[SUMS, PLAN, $call],
            constants: &["DIM", "QUADS", "THREADS", "LEVEL"],
            mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE), ("CHUNK", CHUNK)],
        }
    };
}

static SUMS: &[Binding] = &[Binding::read_write::<Quad>(0, "sums")];

/// For `output_dim` a multiple of 4.
pub static VEC4: Kernel = build!("shared/gradient_vec4.wgsl", GRADIENT_VEC4);
/// For any other `output_dim`.
pub static SCALAR: Kernel = build!("shared/gradient_scalar.wgsl", GRADIENT_SCALAR);

/// One dispatch a level, in this order; `sums` has room for [`partial_slots`] rows.
pub(crate) fn dispatches(
    gpu: &Gpu,
    mapping: &RowMapping,
    (lookup_count, levels): (u32, u32),
    plan: &wgpu::BindGroup,
    gradient: &wgpu::BindGroup,
    sums: wgpu::BufferBinding<'_>,
) -> Result<Vec<Dispatch>> {
    if levels == 0 {
        return Ok(Vec::new());
    }
    let sums = gpu.bind("partial_sums", SUMS, &[sums])?;
    let of_level = |level| {
        let pipeline = mapping.pipeline(gpu, mapping.by_width(&VEC4, &SCALAR), &[f64::from(level)])?;
        let slots = partial_slots(lookup_count, level + 1) - partial_slots(lookup_count, level);
        gpu.dispatch(&pipeline, [Some(&sums), Some(plan), Some(gradient)], mapping.workgroups(slots as u32))
    };
    (0..levels).map(of_level).collect()
}
