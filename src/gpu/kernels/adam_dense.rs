//! Adam on every row.

use super::{Kernel, WORKGROUP_SIZE, adam, part};

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
    bindings: adam::BINDINGS,
    constants: &["DIM", "QUADS", "THREADS", "AMSGRAD"],
    mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE), ("QUADS_PER_WORKGROUP", QUADS_PER_WORKGROUP)],
};

/// Quads that one workgroup updates; `QUADS_PER_WORKGROUP` in adam_dense.wgsl.
pub const QUADS_PER_WORKGROUP: u32 = 1024;
