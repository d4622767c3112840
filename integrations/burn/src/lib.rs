#![doc = include_str!("../README.md")]

mod bridge;
mod embedding;
mod error;
mod module;
mod pending;
mod shared_device;
mod state;
mod step;
mod tracked;
mod words;

pub use embedding::SparseEmbedding;
pub use error::{Error, Result};
pub use shared_device::SharedDevice;
pub use wgpu_embedding;
