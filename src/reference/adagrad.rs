use super::twin::{Twin, decayed};
use crate::{Adagrad, EpsilonForm};

/// The twin of rules/adagrad.wgsl.
pub(super) struct StepTwin {
    rate: f32,
    epsilon: f32,
    epsilon_form: EpsilonForm,
    decay_rate: f32,
}

impl StepTwin {
    pub(super) fn new(adagrad: &Adagrad, _step: u64) -> Self {
        Self {
            rate: adagrad.learning_rate as f32,
            epsilon: adagrad.epsilon as f32,
            epsilon_form: adagrad.epsilon_form,
            decay_rate: (adagrad.learning_rate * adagrad.weight_decay) as f32,
        }
    }
}

impl Twin for StepTwin {
    fn update_row(&self, weights: &mut [f32], state: &mut [&mut [f32]], gradient: &[f32]) {
        for (column, (w, &g)) in weights.iter_mut().zip(gradient).enumerate() {
            let sum = &mut state[0][column];
            *sum += g * g;
            if *sum == f32::INFINITY && g.is_finite() {
                *sum = f32::MAX;
            }
            let root = root(*sum, self.epsilon, self.epsilon_form);
            *w = decayed(*w, self.decay_rate) - self.rate * (g / root);
        }
    }
}

/// What the gradient is divided by.
pub(super) fn root(sum: f32, epsilon: f32, form: EpsilonForm) -> f32 {
    match form {
        EpsilonForm::Keras => (sum + epsilon).sqrt(),
        EpsilonForm::PyTorch => sum.sqrt() + epsilon,
    }
}
