//! Adam on the batch's rows.

use super::{Kernel, WORKGROUP_SIZE, adam, part};

/// The one build.
pub static KERNEL: Kernel = Kernel {
    name: "adam_lazy",
    parts: &[
        part!("shared/grid.wgsl"),
        part!("shared/row.wgsl"),
        part!("shared/runs.wgsl"),
        part!("shared/adam.wgsl"),
        part!("adam_lazy.wgsl"),
    ],
    bindings: adam::BINDINGS,
    constants: &["DIM", "QUADS", "THREADS", "AMSGRAD"],
    mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE)],
};
