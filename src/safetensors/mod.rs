//! The container of tensors in which weights and checkpoints are: `tensors` reads any such file, `header` begins a new one.
//!
//! All of it reads from files that may be anybody's: nothing is allocated by a length that a file claims and does not have.

mod header;
mod other_file;
mod tensors;

pub(crate) use header::{Header, header};
pub(crate) use tensors::{Float, TensorFile, TensorRows};
