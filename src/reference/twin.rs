//! The twins of the rules, one for each optimizer.

use super::missed::Missed;
use crate::optimizer::{Optimizer, optimizers};

/// One step of an optimizer, with its scalars.
///
/// A row is its weights, and the optimizer's state arrays in the order in which it lists them, of one number a weight or of one
/// alone.
pub(super) trait Twin {
    /// Updates a row.
    fn update_row(&self, weights: &mut [f32], state: &mut [&mut [f32]], gradient: &[f32]);

    /// What the steps of a segment do to a row that they gave no gradient: unless a rule says more, decay alone.
    fn catch_up_row(&self, weights: &mut [f32], _state: &mut [&mut [f32]], missed: &Missed<'_>) {
        let decay = missed.decay();
        weights.iter_mut().for_each(|w| *w *= decay);
    }
}

/// A weight after the decay of a step. Without decay it stays, for an infinite weight times zero is no number.
pub(super) fn decayed(w: f32, decay_rate: f32) -> f32 {
    if decay_rate == 0.0 { w } else { w - w * decay_rate }
}

macro_rules! twins {
    ($($name:ident $module:ident,)*) => {
        /// The twin of an optimizer's rule at step `step`, from 1.
        pub(super) fn twin(optimizer: &Optimizer, step: u64) -> Box<dyn Twin> {
            match optimizer {
                $(Optimizer::$name(settings) => Box::new(super::$module::StepTwin::new(settings, step)),)*
            }
        }
    };
}
optimizers!(twins);
