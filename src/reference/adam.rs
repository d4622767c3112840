use super::RowSums;
use crate::{Adam, EpsilonForm};

/// A table that Adam trains: weights and moments, each `[input_dim, output_dim]`.
#[derive(Debug, Clone, PartialEq)]
pub struct AdamState {
    /// The weights.
    pub weights: Vec<f32>,
    /// The running mean of the gradient, `m`.
    pub first_moment: Vec<f32>,
    /// The running mean of its square, `v`.
    pub second_moment: Vec<f32>,
    /// The largest `v` so far; empty without amsgrad.
    pub largest_moment: Vec<f32>,
}

/// One step of Adam on every row; a row outside the batch has gradient zero. `step` counts from 1.
pub fn adam_dense(state: &mut AdamState, output_dim: usize, gradient: &RowSums, adam: &Adam, step: u64) {
    let scalars = Scalars::new(adam, step);
    let mut sums = gradient.rows.iter().zip(gradient.sums.chunks_exact(output_dim)).peekable();
    let zeros = vec![0.0; output_dim];
    for row in 0..state.weights.len() / output_dim {
        let sum = sums.next_if(|&(&next, _)| next as usize == row).map_or(&zeros[..], |(_, sum)| sum);
        update_row(state, row, sum, &scalars);
    }
}

/// One step of Adam on the batch's rows; the others stay as they are. `step` counts from 1.
pub fn adam_lazy(state: &mut AdamState, output_dim: usize, gradient: &RowSums, adam: &Adam, step: u64) {
    let scalars = Scalars::new(adam, step);
    for (&row, sum) in gradient.rows.iter().zip(gradient.sums.chunks_exact(output_dim)) {
        update_row(state, row as usize, sum, &scalars);
    }
}

/// What is the same for every element of a step.
pub(super) struct Scalars {
    alpha: f32,
    epsilon: f32,
    decay_rate: f32,
    one_minus_beta_1: f32,
    one_minus_beta_2: f32,
    amsgrad: bool,
}

impl Scalars {
    pub(super) fn new(adam: &Adam, step: u64) -> Self {
        let root = (1.0 - adam.beta_2.powf(step as f64)).sqrt();
        let epsilon = match adam.epsilon_form {
            EpsilonForm::Keras => adam.epsilon,
            EpsilonForm::PyTorch => adam.epsilon * root,
        };
        Self {
            alpha: (adam.learning_rate * root / (1.0 - adam.beta_1.powf(step as f64))) as f32,
            epsilon: epsilon as f32,
            decay_rate: (adam.learning_rate * adam.weight_decay) as f32,
            one_minus_beta_1: (1.0 - adam.beta_1) as f32,
            one_minus_beta_2: (1.0 - adam.beta_2) as f32,
            amsgrad: adam.amsgrad,
        }
    }
}

pub(super) fn update_row(state: &mut AdamState, row: usize, gradient: &[f32], scalars: &Scalars) {
    for (column, &g) in gradient.iter().enumerate() {
        let element = row * gradient.len() + column;
        let m = &mut state.first_moment[element];
        *m += (g - *m) * scalars.one_minus_beta_1;
        let v = &mut state.second_moment[element];
        *v = second_moment(*v, g, scalars.one_minus_beta_2);
        let mut s = *v;
        if scalars.amsgrad {
            let largest = &mut state.largest_moment[element];
            // A NaN in v must win, so this is not f32::max.
            s = if *largest > s { *largest } else { s };
            *largest = s;
        }
        let w = &mut state.weights[element];
        // Zero is left out, for an infinite weight times zero is no number.
        let decay = if scalars.decay_rate == 0.0 { 0.0 } else { *w * scalars.decay_rate };
        *w = *w - decay - scalars.alpha * *m / (s.sqrt() + scalars.epsilon);
    }
}

/// `v + (c g) g - c v`, and at most the largest f32 unless `g` is infinite.
fn second_moment(old: f32, g: f32, c: f32) -> f32 {
    let v = old + ((c * g) * g - c * old);
    if v == f32::INFINITY && g.is_finite() { f32::MAX } else { v }
}
