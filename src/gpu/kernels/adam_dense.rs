//! Adam on every row.

use super::{Binding, Kernel, Quad, Runs, part};
use crate::optimizer::AdamStep;

/// The one build.
pub static KERNEL: Kernel = Kernel {
    name: "adam_dense",
    parts: &[
        part!("shared/grid.wgsl"),
        part!("shared/row.wgsl"),
        part!("shared/runs.wgsl"),
        part!("shared/adam.wgsl"),
        part!("adam_dense.wgsl"),
    ],
    bindings: ADAM_BINDINGS,
    constants: &["DIM", "QUADS", "THREADS", "AMSGRAD"],
};

/// What both Adam kernels bind: shaders/shared/adam.wgsl, then the batch's rows and sums.
pub(super) static ADAM_BINDINGS: &[Binding] = &[
    Binding::uniform::<AdamStep>("step"),
    Binding::read_write::<Quad>("weights"),
    Binding::read_write::<Quad>("first_moment"),
    Binding::read_write::<Quad>("second_moment"),
    Binding::read_write::<Quad>("largest_moment"),
    Binding::uniform::<Runs>("runs"),
    Binding::read::<u32>("rows"),
    Binding::read::<Quad>("sums"),
];

/// Quads that one workgroup updates; `QUADS_PER_WORKGROUP` in adam_dense.wgsl.
pub const QUADS_PER_WORKGROUP: u32 = 1024;
