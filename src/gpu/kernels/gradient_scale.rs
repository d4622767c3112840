//! The norm of a summed gradient, and what clips it.

use super::{Binding, Kernel, WORKGROUP_SIZE, part, shader_struct};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu};

/// The one build.
pub static KERNEL: Kernel = Kernel {
    name: "gradient_scale",
    parts: &[part!("shared/grid.wgsl"), part!("shared/sum_of_workgroup.wgsl"), part!("gradient_scale.wgsl")],
    groups: &[GROUP],
    constants: &[],
    mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE)],
};

static GROUP: &[Binding] = &[
    Binding::uniform::<Limit>(0, "limit"),
    Binding::read::<f32>(1, "squares"),
    Binding::read_write::<f32>(2, "result"),
];

shader_struct! {
    /// `Limit` in gradient_scale.wgsl.
    pub(crate) struct Limit {
        square_count: u32,
        /// Where in the result it goes.
        place: u32,
        /// 0 asks for the norm itself.
        limit: f32,
        epsilon: f32,
    }
}

/// One dispatch.
pub(crate) fn dispatch(
    gpu: &Gpu,
    limit: Limit,
    squares: wgpu::BufferBinding<'_>,
    result: wgpu::BufferBinding<'_>,
) -> Result<Dispatch> {
    let pipeline = gpu.pipeline(&KERNEL, &[])?;
    let limit = gpu.allocate_with("limit", bytemuck::bytes_of(&limit), wgpu::BufferUsages::UNIFORM)?;
    gpu.dispatch_alone(&pipeline, &[limit.as_entire_buffer_binding(), squares, result], 1)
}
