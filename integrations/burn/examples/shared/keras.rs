//! Burn's layers with Keras's first weights, drawn on the host: the same on every device.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use rand::rngs::ChaCha8Rng;

/// Keras's Dense: Glorot uniform weights, and no bias yet. Burn's own default is PyTorch's.
pub fn dense(inputs: usize, outputs: usize, random: &mut ChaCha8Rng, device: &Device) -> Linear {
    Linear {
        weight: glorot_uniform([inputs, outputs], inputs + outputs, random, device),
        bias: Some(Param::from_tensor(Tensor::zeros([outputs], device))),
    }
}

/// Uniform within `sqrt(6 / fans)`, `fans` being the layer's inputs and outputs.
pub fn glorot_uniform(shape: [usize; 2], fans: usize, random: &mut ChaCha8Rng, device: &Device) -> Param<Tensor<2>> {
    let bound = (6.0 / fans as f64).sqrt();
    Param::from_data(TensorData::random::<f32, _, _>(shape, Distribution::Uniform(-bound, bound), random), device)
}
