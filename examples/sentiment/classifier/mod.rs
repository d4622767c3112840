//! The classifier: embedding, mean over the sentence's words, linear, sigmoid.
//!
//! Twice, with the same results up to rounding: `gpu` is how to link the crate into GPU training code of your own;
//! `reference` is the same in plain Rust, for a machine without a GPU.

mod gpu;
mod head;
mod reference;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use wgpu_embedding::{GpuEmbedding, IndexBatch, Optimizer};

pub use gpu::GpuClassifier;
pub use reference::ReferenceClassifier;

use crate::Result;

/// What the classifier says of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Outcome {
    /// The binary cross-entropy against the sentence's label.
    pub loss: f32,
    /// How likely the sentence is positive, from 0 to 1.
    pub score: f32,
}

/// What the training loop needs of a classifier, wherever it computes.
///
/// Labels are 1 for positive, 0 for negative, one for each sentence of the batch.
pub trait Classifier {
    /// The embedding, to prepare batches with.
    fn embedding(&self) -> &GpuEmbedding;

    /// One training step. Its sentences' outcomes are those from before the step.
    fn train(&mut self, batch: &IndexBatch, labels: &[f32]) -> Result<()>;

    /// Classifies without training.
    fn classify(&mut self, batch: &IndexBatch, labels: &[f32]) -> Result<()>;

    /// The outcomes of all sentences since the last call, in order.
    fn take_outcomes(&mut self) -> Result<Vec<Outcome>>;
}

/// The linear layer's first parameters, as in PyTorch's `Linear(dim, 1)`: `dim` weights, and the bias last.
pub fn initial_parameters(dim: usize, random: &mut ChaCha8Rng) -> Vec<f32> {
    let bound = 1.0 / (dim as f32).sqrt();
    (0..=dim).map(|_| random.random_range(-bound..bound)).collect()
}

/// The scalars of one of the head's Adam steps, with all powers taken on the host in f64:
///
///     m += (g - m) * (1 - beta_1)
///     v += (g*g - v) * (1 - beta_2)
///     w -= step_size * m / (sqrt(v) + epsilon)
#[derive(Debug, Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct AdamStep {
    pub step_size: f32,
    pub epsilon: f32,
    pub one_minus_beta_1: f32,
    pub one_minus_beta_2: f32,
}

impl AdamStep {
    /// The head's next step: the settings are the embedding's own, and it has made as many steps.
    pub fn next_after(embedding: &GpuEmbedding) -> Self {
        let Optimizer::Adam(adam) = embedding.optimizer() else { panic!("the table is made with Adam") };
        let step = embedding.step_count() + 1;
        Self {
            step_size: adam.step_size(step) as f32,
            epsilon: adam.step_epsilon(step) as f32,
            one_minus_beta_1: (1.0 - adam.beta_1) as f32,
            one_minus_beta_2: (1.0 - adam.beta_2) as f32,
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use wgpu_embedding::{Adam, EmbeddingConfig, GpuContext};

    use super::*;
    use crate::training::LENGTH;

    /// Trains on three batches, the last one small, of sentences of any length, also none.
    fn outcomes(context: &GpuContext, dim: u32) -> Vec<Outcome> {
        let mut random = ChaCha8Rng::seed_from_u64(dim.into());
        let config = EmbeddingConfig::new(50, dim).with_padding_idx(0).with_mask_zero(true);
        let embedding = GpuEmbedding::new(context, config, Adam::default().with_learning_rate(0.01)).unwrap();
        let parameters = initial_parameters(dim as usize, &mut random);
        let mut classifier: Box<dyn Classifier> = match context.device() {
            Some(_) => Box::new(GpuClassifier::new(embedding, &parameters, 64, 3 * 64).unwrap()),
            None => Box::new(ReferenceClassifier::new(embedding, parameters)),
        };
        for sentences in [64, 64, 5] {
            let mut words = vec![[0; LENGTH]; sentences];
            for sentence in &mut words {
                let count = random.random_range(0..=LENGTH);
                sentence[LENGTH - count..].fill_with(|| random.random_range(1..50));
            }
            let labels: Vec<f32> = (0..sentences).map(|sentence| (sentence % 2) as f32).collect();
            let batch = classifier.embedding().batch(&words).unwrap();
            classifier.train(&batch, &labels).unwrap();
            classifier.classify(&batch, &labels).unwrap();
            if sentences == 64 {
                assert_eq!(classifier.take_outcomes().unwrap().len(), 2 * sentences);
            }
        }
        classifier.take_outcomes().unwrap()
    }

    #[test]
    #[ignore = "needs a GPU adapter: cargo test --example sentiment -- --include-ignored"]
    fn the_gpu_agrees_with_the_reference() {
        let context = GpuContext::gpu().unwrap_or_else(|error| panic!("{error}"));
        for dim in [1, 63, 64, 65, 200] {
            let expected = outcomes(&GpuContext::reference(), dim);
            let computed = outcomes(&context, dim);
            assert_eq!(computed.len(), 2 * 5);
            for (computed, expected) in computed.iter().zip(&expected) {
                // Written so that NaN fails.
                let close = |a: f32, b: f32| (a - b).abs() <= 1e-5 * b.abs();
                assert!(close(computed.loss, expected.loss), "{dim}: {computed:?} and {expected:?}");
                assert!(close(computed.score, expected.score), "{dim}: {computed:?} and {expected:?}");
            }
        }
    }
}
