use super::RowSums;
use super::missed::Missed;
use super::twin::{Twin, decayed};
use crate::optimizer::power;
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
    let step = StepTwin::new(adam, step);
    let mut sums = gradient.rows.iter().zip(gradient.sums.chunks_exact(output_dim)).peekable();
    let zeros = vec![0.0; output_dim];
    for row in 0..state.weights.len() / output_dim {
        let sum = sums.next_if(|&(&next, _)| next as usize == row).map_or(&zeros[..], |(_, sum)| sum);
        update_row(state, row, sum, &step);
    }
}

/// One step of Adam on the batch's rows; the others stay as they are. `step` counts from 1.
pub fn adam_lazy(state: &mut AdamState, output_dim: usize, gradient: &RowSums, adam: &Adam, step: u64) {
    let step = StepTwin::new(adam, step);
    for (&row, sum) in gradient.rows.iter().zip(gradient.sums.chunks_exact(output_dim)) {
        update_row(state, row as usize, sum, &step);
    }
}

/// The twin of rules/adam.wgsl: what is the same for every element of a step.
pub(super) struct StepTwin {
    alpha: f32,
    epsilon: f32,
    decay_rate: f32,
    one_minus_beta_1: f32,
    one_minus_beta_2: f32,
    amsgrad: bool,
}

impl StepTwin {
    pub(super) fn new(adam: &Adam, step: u64) -> Self {
        let root = (1.0 - power(adam.beta_2, step)).sqrt();
        let epsilon = match adam.epsilon_form {
            EpsilonForm::Keras => adam.epsilon,
            EpsilonForm::PyTorch => adam.epsilon * root,
        };
        Self {
            alpha: (adam.learning_rate * root / (1.0 - power(adam.beta_1, step))) as f32,
            epsilon: epsilon as f32,
            decay_rate: (adam.learning_rate * adam.weight_decay) as f32,
            one_minus_beta_1: (1.0 - adam.beta_1) as f32,
            one_minus_beta_2: (1.0 - adam.beta_2) as f32,
            amsgrad: adam.amsgrad,
        }
    }
}

fn update_row(state: &mut AdamState, row: usize, gradient: &[f32], step: &StepTwin) {
    let width = gradient.len();
    let AdamState { weights, first_moment, second_moment, largest_moment } = state;
    let [weights, first, second] = [weights, first_moment, second_moment].map(|all| &mut all[row * width..][..width]);
    let largest = if step.amsgrad { &mut largest_moment[row * width..][..width] } else { &mut [] };
    step.update_row(weights, &mut [first, second, largest], gradient);
}

impl Twin for StepTwin {
    fn update_row(&self, weights: &mut [f32], state: &mut [&mut [f32]], gradient: &[f32]) {
        for (column, (w, &g)) in weights.iter_mut().zip(gradient).enumerate() {
            let m = &mut state[0][column];
            *m += (g - *m) * self.one_minus_beta_1;
            let m = *m;
            let v = &mut state[1][column];
            *v = second_moment(*v, g, self.one_minus_beta_2);
            let mut s = *v;
            if self.amsgrad {
                let largest = &mut state[2][column];
                // A NaN in v must win, so this is not f32::max.
                s = if *largest > s { *largest } else { s };
                *largest = s;
            }
            *w = decayed(*w, self.decay_rate) - self.alpha * m / (s.sqrt() + self.epsilon);
        }
    }

    fn catch_up_row(&self, weights: &mut [f32], state: &mut [&mut [f32]], missed: &Missed<'_>) {
        // v, or v_hat with amsgrad: the last array.
        let squares = state.last().expect("two or three");
        let roots: Vec<f32> = squares.iter().map(|s| s.sqrt()).collect();
        missed.move_by_moment(weights, state[0], &roots);
        let power = missed.powers()[1];
        state[1].iter_mut().for_each(|v| *v *= power);
    }
}

/// `v + (c g) g - c v`, and at most the largest f32 unless `g` is infinite.
fn second_moment(old: f32, g: f32, c: f32) -> f32 {
    let v = old + ((c * g) * g - c * old);
    if v == f32::INFINITY && g.is_finite() { f32::MAX } else { v }
}
