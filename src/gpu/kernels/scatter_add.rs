//! `sums[run, :] = sum of the gradients of the run's lookups`, in a fixed order.

use super::{Binding, Kernel, Quad, WORKGROUP_SIZE, part, shader_struct};

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
            mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE)],
        }
    };
}

/// For `output_dim` a multiple of 4.
pub static VEC4: Kernel = build!("shared/gradient_vec4.wgsl", Quad);
/// For any other `output_dim`.
pub static SCALAR: Kernel = build!("shared/gradient_scalar.wgsl", f32);

shader_struct! {
    /// `Level` in scatter_add.wgsl.
    pub(crate) struct Level {
        first_segment: u32,
        segment_count: u32,
        of_lookups: u32,
    }
}

shader_struct! {
    /// A sum of 1 to 64 items: `Segment` in scatter_add.wgsl.
    pub(crate) struct Segment {
        /// The first item: in `order` at level 0, in the sums above.
        first_item: u32,
        /// 1 to 64.
        item_count: u32,
        /// Where in the sums the result goes.
        destination: u32,
    }
}
