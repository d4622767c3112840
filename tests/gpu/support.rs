//! What the GPU tests share: a device whose every error fails the test, test data, and comparisons.

use std::sync::{Arc, Mutex, OnceLock};

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use wgpu_embedding::{Adam, EmbeddingConfig, Error, GpuContext, GpuEmbedding, wgpu};

/// Set to 1 where there is no adapter and none can be installed; `cargo test` then leaves these tests out.
pub const NO_ADAPTER_SWITCH: &str = "WGPU_EMBEDDING_NO_ADAPTER";

/// wgpu errors that no scope caught, from all tests of this binary.
static UNCAUGHT: OnceLock<Arc<Mutex<Vec<String>>>> = OnceLock::new();

/// One context for the whole binary: a device of its own for each test would spend the time compiling kernels.
pub fn context() -> GpuContext {
    static CONTEXT: OnceLock<GpuContext> = OnceLock::new();
    CONTEXT.get_or_init(new_context).clone()
}

/// A context on a device of its own.
pub fn new_context() -> GpuContext {
    match GpuContext::gpu() {
        Ok(context) => context,
        Err(error @ Error::NoAdapter { .. }) => {
            panic!("{error}\nOn a machine that can have no adapter, run the GPU tests with {NO_ADAPTER_SWITCH}=1.")
        }
        Err(error) => panic!("{error}"),
    }
}
