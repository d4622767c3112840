use super::missed::Missed;
use super::twin::{Twin, decayed};
use crate::{MomentumForm, Sgd};

/// The twin of rules/sgd.wgsl.
pub(super) struct StepTwin {
    rate: f32,
    momentum: f32,
    one_minus_momentum: f32,
    decay_rate: f32,
    settings: Sgd,
}

impl StepTwin {
    pub(super) fn new(sgd: &Sgd, _step: u64) -> Self {
        Self {
            rate: sgd.learning_rate as f32,
            momentum: sgd.momentum as f32,
            one_minus_momentum: (1.0 - sgd.momentum) as f32,
            decay_rate: (sgd.learning_rate * sgd.weight_decay) as f32,
            settings: *sgd,
        }
    }

    /// momentum * b, as the kernel has it.
    fn kept(&self, b: f32) -> f32 {
        if self.momentum < 0.5 { self.momentum * b } else { b - self.one_minus_momentum * b }
    }
}

impl Twin for StepTwin {
    fn update_row(&self, weights: &mut [f32], state: &mut [&mut [f32]], gradient: &[f32]) {
        let rate = self.rate;
        let nesterov = self.settings.nesterov;
        for (column, (w, &g)) in weights.iter_mut().zip(gradient).enumerate() {
            *w = decayed(*w, self.decay_rate);
            let Some(buffer) = state.first_mut().map(|buffer| &mut buffer[column]) else {
                *w -= rate * g;
                continue;
            };
            match self.settings.momentum_form {
                MomentumForm::PyTorch => {
                    *buffer = self.kept(*buffer) + g;
                    *w -= rate * if nesterov { g + self.kept(*buffer) } else { *buffer };
                }
                MomentumForm::Keras => {
                    *buffer = self.kept(*buffer) - rate * g;
                    *w += if nesterov { self.kept(*buffer) - rate * g } else { *buffer };
                }
            }
        }
    }

    fn catch_up_row(&self, weights: &mut [f32], state: &mut [&mut [f32]], missed: &Missed<'_>) {
        let (sum, [power, _], mut none) = (missed.common_sum(), missed.powers(), vec![0.0; weights.len()]);
        let buffer = state.first_mut().map_or(&mut none[..], |buffer| buffer);
        for (w, b) in weights.iter_mut().zip(buffer) {
            *w = missed.moved(*w, *b, sum);
            *b *= power;
        }
    }
}
