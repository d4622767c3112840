//! The norm of a summed gradient, and what clips it.

use super::{Kernel, parts};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu};
use crate::shader::{Binding, Part, part, shader_struct};

static GRADIENT_SCALE: Part = part!("gradient_scale.wgsl").binds(&[
    Binding::uniform::<Limit>(0, 0, "limit"),
    Binding::read_write::<f32>(0, 1, "squares"),
    Binding::read_write::<f32>(0, 2, "result"),
]);

shader_struct! {
    /// `Limit` in gradient_scale.wgsl.
    pub(crate) struct Limit {
        /// Sums of squares that there are.
        square_count: u32,
        /// Where in the result it goes.
        entry: u32,
        /// 0 asks for the norm itself.
        limit: f32,
        epsilon: f32,
    }
}

pub(crate) fn kernel() -> Kernel {
    Kernel::new("gradient_scale", [&parts::ARITHMETIC, &parts::GRID, &parts::PLAN_LAYOUT, &GRADIENT_SCALE])
}

/// One dispatch.
pub(crate) fn dispatch(
    gpu: &Gpu,
    limit: Limit,
    squares: wgpu::BufferBinding<'_>,
    result: wgpu::BufferBinding<'_>,
) -> Result<Dispatch> {
    let pipeline = gpu.pipeline(&kernel(), &[])?;
    let limit = gpu.allocate_with("limit", bytemuck::bytes_of(&limit), wgpu::BufferUsages::UNIFORM)?;
    let resources = [("limit", limit.as_entire_buffer_binding()), ("squares", squares), ("result", result)];
    gpu.dispatch_alone(&pipeline, &resources, 1)
}
