//! Adam on the batch's rows.

use super::adam_dense::ADAM_BINDINGS;
use super::{Kernel, part};

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
    bindings: ADAM_BINDINGS,
    constants: &["DIM", "QUADS", "THREADS", "AMSGRAD"],
};
