//! `sums[run, :] = sum of the gradients of the run's lookups`, in a fixed order.

use super::{Binding, Kernel, Quad, part};
use crate::batch::plan::Segment;

macro_rules! build {
    ($gradient:literal, $element:ty) => {
        Kernel {
            name: "scatter_add",
            parts: &[
                part!("shared/grid.wgsl"),
                part!("shared/row.wgsl"),
                part!($gradient),
                part!("scatter_add.wgsl"),
            ],
            bindings: &[
                Binding::read::<$element>("gradient"),
                Binding::uniform::<Level>("level"),
                Binding::read::<Segment>("segments"),
                Binding::read::<u32>("order"),
                Binding::read_write::<Quad>("sums"),
            ],
            constants: &["DIM", "QUADS", "THREADS"],
        }
    };
}

/// For `output_dim` a multiple of 4.
pub static VEC4: Kernel = build!("shared/gradient_vec4.wgsl", Quad);
/// For any other `output_dim`.
pub static SCALAR: Kernel = build!("shared/gradient_scalar.wgsl", f32);

/// `Level` in scatter_add.wgsl.
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(crate) struct Level {
    pub first_segment: u32,
    pub segment_count: u32,
    pub of_lookups: u32,
}
