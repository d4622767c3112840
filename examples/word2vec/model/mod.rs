//! The model: two tables, and the loss between them.
//!
//! Twice, with the same results up to rounding: `gpu` is how to link two tables and a shader of your own into one
//! submission; `reference` is the same in plain Rust, for a machine without a GPU.

mod gpu;
mod kernel;
mod reference;

use wgpu_embedding::GpuEmbedding;

pub use gpu::GpuModel;
pub use kernel::Shape;
pub use reference::ReferenceModel;

use crate::Result;
use crate::pipeline::Prepared;

/// The two tables, rows of the same width, a row a word.
pub struct Tables {
    /// A word as it predicts: these rows are the word vectors.
    pub input: GpuEmbedding,
    /// A word as it is predicted.
    pub output: GpuEmbedding,
}

/// What the training loop needs of a model, wherever it computes.
pub trait Model {
    fn tables(&self) -> &Tables;

    fn tables_mut(&mut self) -> &mut Tables;

    /// One training step.
    fn train(&mut self, batch: &Prepared) -> Result<()>;

    /// The loss of all batches since the last call, summed over their pairs.
    fn take_loss(&mut self) -> Result<f64>;
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
