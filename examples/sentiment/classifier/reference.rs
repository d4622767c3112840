//! The classifier on the CPU: the crate's host-driven calls, and the head in plain Rust.

use wgpu_embedding::{GpuEmbedding, IndexBatch};

use super::{AdamStep, Classifier, Outcome};
use crate::Result;
use crate::training::LENGTH;

/// See the module.
pub struct ReferenceClassifier {
    embedding: GpuEmbedding,
    head: Head,
    outcomes: Vec<Outcome>,
}

impl ReferenceClassifier {
    /// `parameters` are the head's first ones: `output_dim` weights and the bias.
    pub fn new(embedding: GpuEmbedding, parameters: Vec<f32>) -> Self {
        let moments = vec![[0.0; 2]; parameters.len()];
        Self { embedding, head: Head { parameters, moments }, outcomes: Vec::new() }
    }

    fn forward(&mut self, batch: &IndexBatch, labels: &[f32]) -> Result<Forward> {
        let words = self.embedding.lookup(batch)?.read()?;
        // There is one, for the embedding is made with mask_zero.
        let mask = self.embedding.mask(batch)?.unwrap_or_default();
        let forward = self.head.forward(&words, &mask, labels);
        self.outcomes.extend(&forward.outcomes);
        Ok(forward)
    }
}

impl Classifier for ReferenceClassifier {
    fn embedding(&self) -> &GpuEmbedding {
        &self.embedding
    }

    fn train(&mut self, batch: &IndexBatch, labels: &[f32]) -> Result<()> {
        let forward = self.forward(batch, labels)?;
        let gradient = self.head.backward(&forward, labels);
        self.head.update(&forward, labels, AdamStep::next_after(&self.embedding));
        self.embedding.update(batch, &gradient)?;
        Ok(())
    }

    fn classify(&mut self, batch: &IndexBatch, labels: &[f32]) -> Result<()> {
        self.forward(batch, labels)?;
        Ok(())
    }

    fn take_outcomes(&mut self) -> Result<Vec<Outcome>> {
        Ok(std::mem::take(&mut self.outcomes))
    }
}

/// The linear layer with its sigmoid; each function is the twin of head.wgsl's of the same name.
struct Head {
    /// The weights, and the bias last.
    parameters: Vec<f32>,
    /// Adam's m and v of each parameter.
    moments: Vec<[f32; 2]>,
}

/// What the forward pass leaves to the backward pass.
struct Forward {
    mask: Vec<bool>,
    /// The mean of each sentence's words, `[sentences, dim]`.
    means: Vec<f32>,
    outcomes: Vec<Outcome>,
}

impl Forward {
    /// The gradient of the batch's mean loss with respect to a sentence's logit.
    fn error(&self, sentence: usize, labels: &[f32]) -> f32 {
        (self.outcomes[sentence].score - labels[sentence]) / labels.len() as f32
    }
}

impl Head {
    fn dim(&self) -> usize {
        self.parameters.len() - 1
    }

    /// `words` is `[sentences, LENGTH, dim]`, `mask` tells which of them are words.
    fn forward(&self, words: &[f32], mask: &[bool], labels: &[f32]) -> Forward {
        let dim = self.dim();
        let mut means = vec![0.0; labels.len() * dim];
        let sentences = words.chunks_exact(LENGTH * dim).zip(mask.chunks_exact(LENGTH));
        for (mean, (words, mask)) in means.chunks_exact_mut(dim).zip(sentences) {
            let count = word_count(mask);
            for (word, _) in words.chunks_exact(dim).zip(mask).filter(|&(_, &is_word)| is_word) {
                mean.iter_mut().zip(word).for_each(|(mean, value)| *mean += value);
            }
            mean.iter_mut().for_each(|mean| *mean /= count);
        }
        let outcomes = means.chunks_exact(dim).zip(labels).map(|(mean, &label)| {
            let logit = mean.iter().zip(&self.parameters).map(|(mean, weight)| mean * weight).sum::<f32>();
            outcome(logit + self.parameters[dim], label)
        });
        Forward { mask: mask.to_vec(), outcomes: outcomes.collect(), means }
    }

    /// The loss's gradient with respect to the words, `[sentences, LENGTH, dim]`.
    fn backward(&self, forward: &Forward, labels: &[f32]) -> Vec<f32> {
        let weights = &self.parameters[..self.dim()];
        let mut gradient = Vec::with_capacity(forward.mask.len() * weights.len());
        for (sentence, mask) in forward.mask.chunks_exact(LENGTH).enumerate() {
            let scale = forward.error(sentence, labels) / word_count(mask);
            for &is_word in mask {
                gradient.extend(weights.iter().map(|weight| if is_word { scale * weight } else { 0.0 }));
            }
        }
        gradient
    }

    /// Adam on the head's own parameters.
    fn update(&mut self, forward: &Forward, labels: &[f32], step: AdamStep) {
        let dim = self.dim();
        for (index, (parameter, [m, v])) in self.parameters.iter_mut().zip(&mut self.moments).enumerate() {
            let gradient: f32 = (0..labels.len())
                // The bias is the weight of an input that is always 1.
                .map(|sentence| (sentence, if index < dim { forward.means[sentence * dim + index] } else { 1.0 }))
                .map(|(sentence, input)| forward.error(sentence, labels) * input)
                .sum();
            *m += (gradient - *m) * step.one_minus_beta_1;
            *v += (gradient * gradient - *v) * step.one_minus_beta_2;
            *parameter -= step.step_size * *m / (v.sqrt() + step.epsilon);
        }
    }
}

/// Words of a sentence; 1 where it has none, so that its mean is zero and not the NaN that 0 / 0 gives.
fn word_count(mask: &[bool]) -> f32 {
    mask.iter().filter(|&&is_word| is_word).count().max(1) as f32
}

/// Sigmoid and binary cross-entropy, in forms that do not overflow.
fn outcome(logit: f32, label: f32) -> Outcome {
    let small = (-logit.abs()).exp();
    let loss = logit.max(0.0) - logit * label + small.ln_1p();
    let score = if logit >= 0.0 { 1.0 } else { small } / (1.0 + small);
    Outcome { loss, score }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_loss(head: &Head, words: &[f32], mask: &[bool], labels: &[f32]) -> f64 {
        let outcomes = head.forward(words, mask, labels).outcomes;
        outcomes.iter().map(|outcome| f64::from(outcome.loss)).sum::<f64>() / labels.len() as f64
    }

    #[test]
    fn gradients_are_the_slopes_of_the_loss() {
        let dim = 3;
        let labels = [1.0, 0.0];
        let mask: Vec<_> =
            (0..2 * LENGTH).map(|position| position % LENGTH >= LENGTH - 2 - position / LENGTH).collect();
        let words: Vec<_> = (0..2 * LENGTH * dim).map(|index| (index as f32).sin()).collect();
        let head = Head { parameters: vec![0.5, -0.25, 0.75, 0.1], moments: vec![[0.0; 2]; 4] };
        let gradient = head.backward(&head.forward(&words, &mask, &labels), &labels);
        for index in 0..words.len() {
            let loss_at = |shift: f32| {
                let mut words = words.clone();
                words[index] += shift;
                mean_loss(&head, &words, &mask, &labels)
            };
            let slope = (loss_at(0.125) - loss_at(-0.125)) / 0.25;
            assert!((slope - f64::from(gradient[index])).abs() < 1e-4, "{index}: {slope} and {}", gradient[index]);
            assert!(mask[index / dim] || gradient[index] == 0.0);
        }
    }

    #[test]
    fn a_sentence_without_words_has_the_mean_zero() {
        let mut head = Head { parameters: vec![2.0, 3.0, 0.5], moments: vec![[0.0; 2]; 3] };
        let forward = head.forward(&[0.0; LENGTH * 2], &[false; LENGTH], &[1.0]);
        assert_eq!(forward.means, [0.0, 0.0]);
        assert_eq!(forward.outcomes, [outcome(0.5, 1.0)]);
        assert_eq!(head.backward(&forward, &[1.0]), [0.0; LENGTH * 2]);
        let step = AdamStep { step_size: 0.1, epsilon: 1e-7, one_minus_beta_1: 0.1, one_minus_beta_2: 0.001 };
        head.update(&forward, &[1.0], step);
        assert_eq!(head.parameters[..2], [2.0, 3.0]);
        assert!(head.parameters[2] > 0.5);
    }

    #[test]
    fn extreme_logits_stay_finite() {
        assert_eq!(outcome(0.0, 1.0), Outcome { loss: std::f32::consts::LN_2, score: 0.5 });
        assert_eq!(outcome(1e4, 1.0), Outcome { loss: 0.0, score: 1.0 });
        assert_eq!(outcome(1e4, 0.0), Outcome { loss: 1e4, score: 1.0 });
        assert_eq!(outcome(-1e4, 1.0), Outcome { loss: 1e4, score: 0.0 });
    }
}
