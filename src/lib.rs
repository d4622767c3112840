// The README's programs use everything.
#![cfg_attr(all(feature = "files", feature = "text", feature = "vectors"), doc = include_str!("../README.md"))]
#![cfg_attr(
    not(all(feature = "files", feature = "text", feature = "vectors")),
    doc = "An embedding table that lives on the GPU and trains there; README.md describes it with all its features."
)]

mod batch;
#[cfg(all(feature = "files", not(target_arch = "wasm32")))]
mod checkpoint;
mod config;
mod context;
mod embedding;
mod error;
#[cfg(any(feature = "vectors", all(feature = "files", not(target_arch = "wasm32"))))]
mod file;
#[cfg(any(feature = "vectors", all(feature = "files", not(target_arch = "wasm32"))))]
mod file_kind;
mod gpu;
mod initializer;
#[cfg(any(feature = "text", all(feature = "files", not(target_arch = "wasm32"))))]
mod json;
mod memory;
mod optimizer;
pub mod reference;
mod row_generator;
#[cfg(all(feature = "files", not(target_arch = "wasm32")))]
mod safetensors;
mod search;
mod shader;
mod storage;
mod stream;
mod tensor;
#[cfg(feature = "text")]
pub mod text;
#[cfg(feature = "vectors")]
pub mod vectors;

pub use batch::{BatchMaker, HostIndices, Index, IndexBatch, Sorting};
pub use config::{EmbeddingConfig, INVALID, MAX_INPUT_DIM, PADDING};
pub use context::{Backend, GpuContext};
pub use embedding::{GpuEmbedding, Neighbour, RowGradient, Search, Similarity, WeightShard};
pub use error::{Error, Result};
pub use gpu::kernels;
pub use gpu::mapping::Mapping;
pub use gpu::profile::KernelTime;
pub use gpu::region::{BoundRegion, BufferRegion};
pub use initializer::Initializer;
pub use optimizer::{
    Adagrad, Adam, Clipping, EpsilonForm, Extent, Lion, MomentumForm, Optimizer, RowWiseAdagrad, RowWiseAdam, Sgd,
    StateArray, Update,
};
pub use storage::{Rounding, Storage};
pub use stream::IndexStream;
pub use tensor::{Gradient, Tensor};
pub use wgpu;
