//! The summed gradient by itself: `output[run, :] = sum of the gradients of the run's lookups`, in a fixed order.

use super::{Binding, Kernel, PLAN, Quad, Shard, WORKGROUP_SIZE, part};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::mapping::RowMapping;
use crate::gpu::plan::CHUNK;

macro_rules! build {
    ($gradient:literal, $output:literal, $call:expr) => {
        Kernel {
            name: "scatter_add",
            parts: &[
                part!("shared/grid.wgsl"),
                part!("shared/row.wgsl"),
                part!("shared/shard.wgsl"),
                part!("shared/plan_layout.wgsl"),
                part!("shared/plan.wgsl"),
                part!($gradient),
                part!("shared/sum_lookups.wgsl"),
                part!("shared/partial_slots.wgsl"),
                part!("shared/sum_partials.wgsl"),
                part!("shared/any_run.wgsl"),
                part!($output),
                part!("scatter_add.wgsl"),
            ],
            groups: &[SHARD, PLAN, $call],
            constants: &["DIM", "QUADS", "THREADS", "DENSE"],
            mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE), ("CHUNK", CHUNK)],
        }
    };
}

static SHARD: &[Binding] = &[Binding::uniform::<Shard>(0, "shard")];
static CALL_VEC4: &[Binding] = &[
    Binding::read::<Quad>(0, "gradient"),
    Binding::read_write::<Quad>(1, "output"),
    Binding::read::<Quad>(2, "partial_sums"),
];
static CALL_SCALAR: &[Binding] = &[
    Binding::read::<f32>(0, "gradient"),
    Binding::read_write::<f32>(1, "output"),
    Binding::read::<Quad>(2, "partial_sums"),
];

/// For `output_dim` a multiple of 4.
pub static VEC4: Kernel = build!("shared/gradient_vec4.wgsl", "shared/output_vec4.wgsl", CALL_VEC4);
/// For any other `output_dim`.
pub static SCALAR: Kernel = build!("shared/gradient_scalar.wgsl", "shared/output_scalar.wgsl", CALL_SCALAR);

/// Where the sums go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// One row a run, of all runs.
    Compact,
    /// The rows of a shard.
    Dense,
}

/// One dispatch over `run_count` runs at most, at least one.
pub(crate) fn dispatch(
    gpu: &Gpu,
    mapping: &RowMapping,
    (target, run_count): (Target, u32),
    shard: wgpu::BufferBinding<'_>,
    plan: &wgpu::BindGroup,
    [gradient, output, partial_sums]: [wgpu::BufferBinding<'_>; 3],
) -> Result<Dispatch> {
    let kernel = mapping.by_width(&VEC4, &SCALAR);
    let pipeline = mapping.pipeline(gpu, kernel, &[f64::from(u8::from(target == Target::Dense))])?;
    let shard = gpu.bind("scatter_add", SHARD, &[shard])?;
    let call = gpu.bind("scatter_add", kernel.groups[2], &[gradient, output, partial_sums])?;
    gpu.dispatch(&pipeline, [Some(&shard), Some(plan), Some(&call)], mapping.workgroups(run_count))
}
