//! The CPU twin of each kernel: plain, obviously right, and what the GPU is tested against.
//!
//! Each function has the name of the kernel that it is the twin of. They share no code and no constants with the
//! kernels: a twin that did would be no check on them. Rows are dense here, `output_dim` floats each.

mod adam;
mod gather;
mod gradient_norm;
mod gradient_scale;
mod index_check;
mod row_gradient;
mod scatter_add;
mod sort;

pub(crate) mod table;

pub use adam::{AdamState, adam_dense, adam_lazy};
pub use gather::gather;
pub use gradient_norm::gradient_norm;
pub use gradient_scale::gradient_scale;
pub use index_check::index_check;
pub use row_gradient::row_gradient;
pub use scatter_add::{RowSums, scatter_add};
pub use sort::{SortedLookups, sort};
