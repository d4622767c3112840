#![doc = include_str!("../README.md")]

mod batch;
#[cfg(not(target_arch = "wasm32"))]
mod checkpoint;
mod config;
mod context;
mod embedding;
mod error;
mod file;
mod file_kind;
mod gpu;
mod initializer;
mod json;
mod memory;
mod optimizer;
pub mod reference;
mod shader;
mod stream;
mod tensor;
pub mod text;
pub mod vectors;

pub use batch::{BatchMaker, HostIndices, Index, IndexBatch};
pub use config::{EmbeddingConfig, MAX_INPUT_DIM};
pub use context::{Backend, GpuContext};
pub use embedding::{GpuEmbedding, Neighbour, RowGradient, Search, Similarity, WeightShard};
pub use error::{Error, Result};
pub use gpu::kernels;
pub use gpu::region::BufferRegion;
pub use initializer::Initializer;
pub use optimizer::{
    Adagrad, Adam, Clipping, EpsilonForm, Extent, Lion, MomentumForm, Optimizer, RowWiseAdagrad, RowWiseAdam, Sgd,
    StateArray, Update,
};
pub use stream::IndexStream;
pub use tensor::{Gradient, Tensor};
pub use wgpu;
