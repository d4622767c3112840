//! The kernels: what each is made of, one module each, and [`all`] of their compositions.
//!
//! A kernel's WGSL is its parts put one after the other: files of `shaders/shared/`, a rule of `shaders/rules/` where it has
//! to do with an optimizer, then its own file `shaders/NAME.wgsl`, whose entry point is called NAME as well. There is no
//! preprocessor; what differs between two compositions of a kernel is a part (`output_vec4` or `output_scalar`) or an
//! `override` constant. Each part brings its bindings and constants along.
//!
//! This is public for those who want to read, check or translate the shaders with tools of their own.

pub use super::grid::WORKGROUP_SIZE;
pub use super::kernel::Kernel;
pub use super::mapping::row_constants_on_a_gpu;
pub use crate::shader::{Access, Binding, Part};

mod compositions;
pub(crate) mod inputs;
pub(crate) mod parts;

pub(crate) mod exclude;
pub(crate) mod flush;
pub(crate) mod gather;
pub(crate) mod gather_deferred;
pub(crate) mod gradient_norm;
pub(crate) mod gradient_scale;
pub(crate) mod group_best;
pub(crate) mod index_check;
pub(crate) mod partial_sums;
pub(crate) mod run_heads;
pub(crate) mod run_plan;
pub(crate) mod scatter_add;
pub(crate) mod similarity;
pub(crate) mod similarity_staged;
pub(crate) mod sort_histogram;
pub(crate) mod sort_scan;
pub(crate) mod sort_scatter;
pub(crate) mod sort_small;
pub(crate) mod top_k;
pub(crate) mod update_all;
pub(crate) mod update_rows;

pub use compositions::all;
