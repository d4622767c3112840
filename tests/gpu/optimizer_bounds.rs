//! How far an optimizer's step on the GPU may be from the reference's.

use wgpu_embedding::{Clipping, EpsilonForm, Extent, GpuEmbedding, MomentumForm, Optimizer, Update};

use crate::support::assert_close;

const EPS: f64 = f32::EPSILON as f64;

/// Weights, and the state arrays in the optimizer's order.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    pub weights: Vec<f32>,
    pub arrays: Vec<Vec<f32>>,
}

pub fn state(embedding: &GpuEmbedding) -> State {
    let arrays = embedding.optimizer().state();
    State {
        weights: embedding.weights().unwrap(),
        arrays: arrays.iter().map(|array| embedding.state(array.name).unwrap()).collect(),
    }
}

/// How far the GPU may be from the reference, added up step by step, from what the WGSL specification allows: 1 ulp for a
/// sum, a difference and a product, 2.5 for a division, 4.5 for sqrt, and any fusing (FORMULAS.md, section 5).
///
/// The gradients are whole numbers, so the row sums are equal and only the rule itself differs.
pub struct Bounds {
    /// Of each element of the momentum buffer, or of the first moment, absolute.
    buffer: Vec<f64>,
    /// Of all sums of squares, or means of them, relative.
    sum: f64,
    /// Of each element of w, absolute.
    weights: Vec<f64>,
    steps: i32,
}

impl Bounds {
    pub fn new(state: &State) -> Self {
        let zeros = vec![0.0; state.weights.len()];
        Self { buffer: zeros.clone(), sum: 0.0, weights: zeros, steps: 0 }
    }

    /// Adds one step, from the reference's state before and after it.
    pub fn step(&mut self, optimizer: &Optimizer, before: &State, after: &State) {
        self.steps += 1;
        // The norm's root, a division, and a product; its sum is exact or nearly so.
        let of_gradient = if matches!(optimizer.clipping(), Some(Clipping::Norm(_))) { 16.0 * EPS } else { 0.0 };
        let decay = 1.0 - optimizer.learning_rate() * optimizer.weight_decay();
        // Missed steps are made up for at once: a rounded ratio of decays and a product, here and there.
        let of_catch_up = if optimizer.update() == Update::Deferred && decay != 1.0 { 5.0 } else { 0.0 };
        // A sum of positive numbers: relative errors do not grow in it, and each step adds its own: a product and a sum, or
        // as many sums as the tree of a row has levels, and the mean.
        let row_wise = optimizer.state().iter().any(|array| array.extent == Extent::PerRow);
        self.sum += if row_wise { 20.0 * EPS } else { 3.0 * EPS } + 2.0 * of_gradient;
        for element in 0..self.weights.len() {
            let at = |values: &[f32]| f64::from(values[element]);
            let largest = at(&before.weights).abs().max(at(&after.weights).abs());
            let update = (decay * at(&before.weights) - at(&after.weights)).abs();
            let of_update = match optimizer {
                Optimizer::Sgd(sgd) if sgd.momentum != 0.0 => {
                    let (old, new) = (at(&before.arrays[0]).abs(), at(&after.arrays[0]).abs());
                    // What the gradient may have added to the buffer.
                    let gain = new + sgd.momentum * old;
                    let own = 3.0 * EPS * (sgd.momentum * old + gain) + of_gradient * gain;
                    self.buffer[element] = sgd.momentum * self.buffer[element] + own;
                    let scale = match sgd.momentum_form {
                        MomentumForm::Keras => 1.0,
                        MomentumForm::PyTorch => sgd.learning_rate,
                    };
                    scale * (self.buffer[element] + of_gradient * gain + 5.0 * EPS * (new + gain))
                }
                Optimizer::Sgd(_) => update * (2.0 * EPS + of_gradient),
                // sqrt halves the relative error of the sum.
                Optimizer::Adagrad(_) | Optimizer::RowWiseAdagrad(_) => {
                    update * (13.0 * EPS + self.sum / 2.0 + of_gradient)
                }
                // No sign is near its flip with these gradients, so that a step is as long on both sides.
                Optimizer::Lion(lion) => {
                    let (old, new) = (at(&before.arrays[0]).abs(), at(&after.arrays[0]).abs());
                    let gain = new + lion.beta_2 * old;
                    let own = 3.0 * EPS * (lion.beta_2 * old + gain) + of_gradient * gain;
                    self.buffer[element] = lion.beta_2 * self.buffer[element] + own;
                    update * EPS
                }
                Optimizer::RowWiseAdam(adam) => {
                    let (old, new) = (at(&before.arrays[0]).abs(), at(&after.arrays[0]).abs());
                    let gain = new + adam.beta_1 * old;
                    let own = 3.0 * EPS * (old + gain) + of_gradient * gain;
                    self.buffer[element] = adam.beta_1 * self.buffer[element] + own;
                    let row = element * after.arrays[1].len() / self.weights.len();
                    let root_bias_2 = (1.0 - adam.beta_2.powi(self.steps)).sqrt();
                    let alpha = adam.learning_rate * root_bias_2 / (1.0 - adam.beta_1.powi(self.steps));
                    let epsilon = match adam.epsilon_form {
                        EpsilonForm::Keras => adam.epsilon,
                        EpsilonForm::PyTorch => adam.epsilon * root_bias_2,
                    };
                    let factor = alpha / (f64::from(after.arrays[1][row]).sqrt() + epsilon);
                    factor * (self.buffer[element] + new * (13.0 * EPS + self.sum / 2.0))
                }
                other => panic!("no bounds for {other:?}"),
            };
            // Decay and subtraction round w, and the update was taken from rounded weights.
            self.weights[element] = decay * self.weights[element] + (3.0 + of_catch_up) * EPS * largest + of_update;
        }
    }

    #[track_caller]
    pub fn check(&self, what: &str, optimizer: &Optimizer, got: &State, expected: &State) {
        assert_eq!(got.arrays.len(), expected.arrays.len(), "{what}: arrays");
        for ((array, got), expected) in optimizer.state().iter().zip(&got.arrays).zip(&expected.arrays) {
            let is_signed = matches!(array.name, "momentum_buffer" | "exp_avg");
            assert_close(&format!("{what}: {}", array.name), got, expected, |element| {
                if is_signed { self.buffer[element] } else { self.sum * f64::from(expected[element]) }
            });
        }
        assert_close(&format!("{what}: w"), &got.weights, &expected.weights, |element| self.weights[element]);
    }
}
