//! The squares of a summed gradient.

use super::{Binding, Kernel, PLAN, Quad, WORKGROUP_SIZE, part};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::mapping::RowMapping;
use crate::gpu::plan::CHUNK;

macro_rules! build {
    ($gradient:literal, $call:expr) => {
        Kernel {
            name: "gradient_norm",
            parts: &[
                part!("shared/grid.wgsl"),
                part!("shared/row.wgsl"),
                part!("shared/plan_layout.wgsl"),
                part!("shared/plan.wgsl"),
                part!($gradient),
                part!("shared/sum_lookups.wgsl"),
                part!("shared/partial_slots.wgsl"),
                part!("shared/sum_partials.wgsl"),
                part!("shared/any_run.wgsl"),
                part!("shared/sum_of_workgroup.wgsl"),
                part!("gradient_norm.wgsl"),
            ],
            groups: &[SQUARES, PLAN, $call],
            constants: &["DIM", "QUADS", "THREADS"],
            mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE), ("CHUNK", CHUNK)],
        }
    };
}

static SQUARES: &[Binding] = &[Binding::read_write::<f32>(0, "squares")];
static CALL_VEC4: &[Binding] = &[Binding::read::<Quad>(0, "gradient"), Binding::read::<Quad>(2, "partial_sums")];
static CALL_SCALAR: &[Binding] = &[Binding::read::<f32>(0, "gradient"), Binding::read::<Quad>(2, "partial_sums")];

/// For `output_dim` a multiple of 4.
pub static VEC4: Kernel = build!("shared/gradient_vec4.wgsl", CALL_VEC4);
/// For any other `output_dim`.
pub static SCALAR: Kernel = build!("shared/gradient_scalar.wgsl", CALL_SCALAR);

/// One dispatch over `run_count` runs at most; `squares` holds one float for each of [`RowMapping::workgroups`] of them.
pub(crate) fn dispatch(
    gpu: &Gpu,
    mapping: &RowMapping,
    run_count: u32,
    plan: &wgpu::BindGroup,
    gradient_and_partial_sums: &[wgpu::BufferBinding<'_>; 2],
    squares: wgpu::BufferBinding<'_>,
) -> Result<Dispatch> {
    let kernel = mapping.by_width(&VEC4, &SCALAR);
    let pipeline = mapping.pipeline(gpu, kernel, &[])?;
    let squares = gpu.bind("gradient_norm", SQUARES, &[squares])?;
    let call = gpu.bind("gradient_norm", kernel.groups[2], gradient_and_partial_sums)?;
    gpu.dispatch(&pipeline, [Some(&squares), Some(plan), Some(&call)], mapping.workgroups(run_count))
}
