use super::adagrad::root;
use super::row_term::mean_of_squares;
use super::twin::{Twin, decayed};
use crate::{EpsilonForm, RowWiseAdagrad};

/// The twin of rules/rowwise_adagrad.wgsl.
pub(super) struct StepTwin {
    rate: f32,
    epsilon: f32,
    epsilon_form: EpsilonForm,
    decay_rate: f32,
}

impl StepTwin {
    pub(super) fn new(settings: &RowWiseAdagrad, _step: u64) -> Self {
        Self {
            rate: settings.learning_rate as f32,
            epsilon: settings.epsilon as f32,
            epsilon_form: settings.epsilon_form,
            decay_rate: (settings.learning_rate * settings.weight_decay) as f32,
        }
    }
}

impl Twin for StepTwin {
    fn update_row(&self, weights: &mut [f32], state: &mut [&mut [f32]], gradient: &[f32]) {
        let sum = &mut state[0][0];
        *sum += mean_of_squares(gradient);
        if *sum == f32::INFINITY {
            *sum = f32::MAX;
        }
        let root = root(*sum, self.epsilon, self.epsilon_form);
        for (w, &g) in weights.iter_mut().zip(gradient) {
            *w = decayed(*w, self.decay_rate) - self.rate * (g / root);
        }
    }
}
