//! What the tests share: one device, test data, and comparisons.

use burn::prelude::*;
use burn_wgpu_embedding::wgpu_embedding::{Adam, EmbeddingConfig, GpuEmbedding, IndexBatch};
use burn_wgpu_embedding::{SharedDevice, SparseEmbedding};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

/// Rows of the tests' tables.
pub const ROWS: u32 = 200;

/// Floats in a row: not a multiple of 4.
pub const WIDTH: usize = 6;

pub fn shared() -> SharedDevice {
    SharedDevice::new().unwrap()
}

/// Where models train.
pub fn training_device() -> Device {
    shared().device().clone().autodiff()
}

pub fn config() -> EmbeddingConfig {
    EmbeddingConfig::new(ROWS, WIDTH as u32).with_seed(3)
}

pub fn layer() -> SparseEmbedding {
    SparseEmbedding::new(&shared(), config(), Adam::default()).unwrap()
}

/// The same table as [`layer`]'s, driven from the host.
pub fn twin() -> GpuEmbedding {
    GpuEmbedding::new(shared().context(), config(), Adam::default()).unwrap()
}

pub fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Rows of the table, a tenth of them one.
pub fn indices(count: usize, seed: u64) -> Vec<i32> {
    let mut random = random(seed);
    let row = |_| if random.random_bool(0.1) { 7 } else { random.random_range(0..ROWS as i32) };
    (0..count).map(row).collect()
}

/// Between -1 and 1.
pub fn fractions(count: usize, seed: u64) -> Vec<f32> {
    let mut random = random(seed);
    (0..count).map(|_| random.random_range(-1.0..1.0)).collect()
}

pub fn ints<const D: usize>(values: &[i32], shape: [usize; D]) -> Tensor<D, Int> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), &training_device())
}

pub fn floats<const D: usize>(values: &[f32], shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), &training_device())
}

pub fn read<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.clone().try_into_vec_as().unwrap()
}

/// The loss whose gradient of `output` is `gradient`.
pub fn loss_with_gradient<const D: usize>(output: Tensor<D>, gradient: &[f32]) -> Tensor<1> {
    let shape = output.dims();
    (output * floats(gradient, shape)).sum()
}

pub fn weights(layer: &SparseEmbedding) -> Vec<f32> {
    layer.with_table(|table| table.weights()).unwrap()
}

pub fn batch(layer: &SparseEmbedding, indices: &[i32]) -> IndexBatch {
    layer.with_table(|table| table.batch(indices)).unwrap()
}

#[track_caller]
pub fn assert_same_bits(what: &str, given: &[f32], expected: &[f32]) {
    assert_eq!(given.len(), expected.len(), "{what}");
    let differs = (0..given.len()).find(|&at| given[at].to_bits() != expected[at].to_bits());
    if let Some(at) = differs {
        panic!("{what}: {} at {at}, and not {}", given[at], expected[at]);
    }
}

/// Written so that NaN fails.
#[track_caller]
pub fn assert_close(what: &str, given: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(given.len(), expected.len(), "{what}");
    for (at, (given, expected)) in given.iter().zip(expected).enumerate() {
        let close = (given - expected).abs() <= tolerance;
        assert!(close, "{what}: {given} at {at}, and not {expected} to {tolerance}");
    }
}

#[test]
#[should_panic(expected = "NaN at 1, and not 2")]
fn the_comparison_fails_for_nan() {
    assert_close("it", &[1.0, f32::NAN], &[1.0, 2.0], 1e9);
}

#[test]
#[should_panic(expected = "-0 at 0, and not 0")]
fn the_comparison_of_bits_tells_zeros_apart() {
    assert_same_bits("it", &[-0.0], &[0.0]);
}
