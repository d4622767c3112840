//! The CPU twin of each kernel: plain, obviously right, and what the GPU is tested against.
//!
//! Each function has the name of the kernel that it is the twin of, but that [`sort`] is the twin of the kernels that sort
//! together, [`top_k`] that of those that leave rows out and find the best of groups, too, and [`scatter_add`], of which
//! [`dense_gradient`] is another form, that of the partial sums. The kernels that know a table, its optimizer and the steps that
//! rows miss have their twins in a table on the host, which contexts without a GPU train: a
//! [`GpuEmbedding`](crate::GpuEmbedding) on [`GpuContext::reference`](crate::GpuContext::reference) shows them.
//!
//! They share no code and no constants with the kernels: a twin that did would be no check on them. What the host computes
//! for the kernels, the rules of missed steps, it computes for their twins too; tests in f64 check that. Rows are dense
//! here, `output_dim` floats each.

mod adagrad;
mod adam;
mod dense_gradient;
mod gather;
mod gradient_norm;
mod gradient_scale;
mod index_check;
mod lion;
mod missed;
mod row_term;
mod rowwise_adagrad;
mod rowwise_adam;
mod scatter_add;
mod sgd;
mod similarity;
mod sort;
mod storage;
mod top_k;
mod twin;

pub(crate) mod table;

pub use adam::{AdamState, adam_dense, adam_lazy};
pub use dense_gradient::dense_gradient;
pub use gather::gather;
pub use gradient_norm::gradient_norm;
pub use gradient_scale::gradient_scale;
pub use index_check::index_check;
pub use scatter_add::{RowSums, scatter_add};
pub use similarity::similarity;
pub use sort::{SortedLookups, sort};
pub(crate) use storage::Rounder;
pub use top_k::top_k;
