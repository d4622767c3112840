//! Keras's first weights for Burn's layers, drawn on the host: the same on every device.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

/// Keras's Dense: Glorot uniform weights, and no bias yet. Burn's own default is PyTorch's.
pub fn dense(inputs: usize, outputs: usize, random: &mut ChaCha8Rng, device: &Device) -> Linear {
    let shape = [inputs, outputs];
    Linear {
        weight: Param::from_data(TensorData::new(glorot_uniform(shape, random), shape), device),
        bias: Some(Param::from_tensor(Tensor::zeros([outputs], device))),
    }
}

/// Uniform within `sqrt(6 / (inputs + outputs))`.
pub fn glorot_uniform([inputs, outputs]: [usize; 2], random: &mut ChaCha8Rng) -> Vec<f32> {
    let bound = (6.0 / (inputs + outputs) as f32).sqrt();
    (0..inputs * outputs).map(|_| random.random_range(-bound..bound)).collect()
}
