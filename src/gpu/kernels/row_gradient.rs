//! The summed gradient by itself, compact or as a dense table.

use super::{Binding, Kernel, Quad, Runs, WORKGROUP_SIZE, part};

macro_rules! build {
    ($output:literal, $element:ty) => {
        Kernel {
            name: "row_gradient",
            parts: &[
                part!("shared/grid.wgsl"),
                part!("shared/row.wgsl"),
                part!("shared/runs.wgsl"),
                part!($output),
                part!("row_gradient.wgsl"),
            ],
            bindings: &[
                Binding::read_write::<$element>("output"),
                Binding::uniform::<Runs>("runs"),
                Binding::read::<u32>("rows"),
                Binding::read::<Quad>("sums"),
            ],
            constants: &["DIM", "QUADS", "THREADS", "DENSE"],
            mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE)],
        }
    };
}

/// For `output_dim` a multiple of 4.
pub static VEC4: Kernel = build!("shared/output_vec4.wgsl", Quad);
/// For any other `output_dim`.
pub static SCALAR: Kernel = build!("shared/output_scalar.wgsl", f32);
