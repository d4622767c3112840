//! `output[i, :] = table[indices[i], :]`

use super::{Binding, Kernel, Lookups, Quad, Shard, WORKGROUP_SIZE, part};

macro_rules! build {
    ($output:literal, $element:ty) => {
        Kernel {
            name: "gather",
            parts: &[
                part!("shared/grid.wgsl"),
                part!("shared/row.wgsl"),
                part!("shared/shard.wgsl"),
                part!($output),
                part!("gather.wgsl"),
            ],
            bindings: &[
                Binding::read_write::<$element>("output"),
                Binding::uniform::<Shard>("shard"),
                Binding::uniform::<Lookups>("lookups"),
                Binding::read::<u32>("indices"),
                Binding::read::<Quad>("weights"),
            ],
            constants: &["DIM", "QUADS", "THREADS"],
            mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE)],
        }
    };
}

/// For `output_dim` a multiple of 4.
pub static VEC4: Kernel = build!("shared/output_vec4.wgsl", Quad);
/// For any other `output_dim`.
pub static SCALAR: Kernel = build!("shared/output_scalar.wgsl", f32);
