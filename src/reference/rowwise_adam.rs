use super::missed::Missed;
use super::row_term::mean_of_squares;
use super::twin::{Twin, decayed};
use crate::optimizer::power;
use crate::{EpsilonForm, RowWiseAdam};

/// The twin of rules/rowwise_adam.wgsl.
pub(super) struct StepTwin {
    alpha: f32,
    epsilon: f32,
    decay_rate: f32,
    one_minus_beta_1: f32,
    one_minus_beta_2: f32,
}

impl StepTwin {
    pub(super) fn new(adam: &RowWiseAdam, step: u64) -> Self {
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
        }
    }
}

impl Twin for StepTwin {
    fn update_row(&self, weights: &mut [f32], state: &mut [&mut [f32]], gradient: &[f32]) {
        let v = &mut state[1][0];
        let c = self.one_minus_beta_2;
        *v += c * mean_of_squares(gradient) - c * *v;
        if *v == f32::INFINITY {
            *v = f32::MAX;
        }
        let root = v.sqrt() + self.epsilon;
        for ((w, m), &g) in weights.iter_mut().zip(&mut *state[0]).zip(gradient) {
            *m += (g - *m) * self.one_minus_beta_1;
            *w = decayed(*w, self.decay_rate) - self.alpha * *m / root;
        }
    }

    fn catch_up_row(&self, weights: &mut [f32], state: &mut [&mut [f32]], missed: &Missed<'_>) {
        let roots = vec![state[1][0].sqrt(); weights.len()];
        missed.move_by_moment(weights, state[0], &roots);
        state[1][0] *= missed.powers()[1];
    }
}
