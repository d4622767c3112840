//! Row-wise Adagrad: its settings, and its scalars.

use super::rule::{CatchUpParts, Common, Rule, Setting, check_epsilon, decay_alone};
use super::{Clipping, EpsilonForm, History, StateArray, Update};
use crate::error::{Error, Result};
use crate::shader::{Binding, Part, part, shader_struct};

/// Row-wise Adagrad, FBGEMM's: one number a row, whose steps fall with the mean squares of all its gradients so far.
///
/// With `g` the summed gradient of a row of `output_dim` columns, one step computes
/// ([fbgemm_gpu, rowwise_adagrad](https://github.com/pytorch/FBGEMM/blob/main/fbgemm_gpu/codegen/genscript/optimizers.py)):
///
/// ```text
/// w *= 1 - learning_rate * weight_decay
/// G += mean(g * g)                                                    over the row
/// PyTorch's form:     w -= learning_rate * g / (sqrt(G) + epsilon)    FBGEMM's
/// Keras's form:       w -= learning_rate * g / sqrt(G + epsilon)
/// ```
///
/// `G` is the state array `sum`, `[input_dim]`: a table needs hardly more memory than its weights. Where it would pass the
/// largest f32 it stays there. A gradient that is not finite makes its whole row NaN.
///
/// The mean is taken in f32, in an order that depends on the number of columns alone.
///
/// ```
/// use wgpu_embedding::{Extent, Optimizer, RowWiseAdagrad};
///
/// let optimizer = Optimizer::from(RowWiseAdagrad::default().with_learning_rate(0.1));
/// assert_eq!(optimizer.state()[0].extent, Extent::PerRow);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct RowWiseAdagrad {
    /// Step size; 0.01 by default.
    #[doc(alias = "lr")]
    pub learning_rate: f64,
    /// Keeps the division finite; 1e-8 by default.
    #[doc(alias = "eps")]
    pub epsilon: f64,
    /// Where epsilon stands; [`EpsilonForm::PyTorch`] by default.
    pub epsilon_form: EpsilonForm,
    /// What `G` starts from, not negative; 0 by default.
    #[doc(alias = "initial_accumulator_value")]
    pub initial_accumulator: f64,
    /// Decoupled weight decay: each update first multiplies its rows by `1 - learning_rate * weight_decay`. 0 by default.
    pub weight_decay: f64,
    /// Which rows an update touches; [`Update::Deferred`] by default.
    pub update: Update,
    /// What is done to the summed gradient first; nothing by default.
    #[doc(alias = "clipnorm")]
    #[doc(alias = "clipvalue")]
    #[doc(alias = "global_clipnorm")]
    pub clipping: Option<Clipping>,
}

impl Default for RowWiseAdagrad {
    /// FBGEMM's: learning rate 0.01, epsilon 1e-8 beside the root, `G` from 0.
    fn default() -> Self {
        Self {
            learning_rate: 0.01,
            epsilon: 1e-8,
            epsilon_form: EpsilonForm::PyTorch,
            initial_accumulator: 0.0,
            weight_decay: 0.0,
            update: Update::Deferred,
            clipping: None,
        }
    }
}

impl RowWiseAdagrad {
    /// Sets [`learning_rate`](Self::learning_rate).
    pub fn with_learning_rate(self, learning_rate: f64) -> Self {
        Self { learning_rate, ..self }
    }

    /// Sets [`epsilon`](Self::epsilon).
    pub fn with_epsilon(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }

    /// Sets [`epsilon_form`](Self::epsilon_form).
    pub fn with_epsilon_form(self, epsilon_form: EpsilonForm) -> Self {
        Self { epsilon_form, ..self }
    }

    /// Sets [`initial_accumulator`](Self::initial_accumulator).
    pub fn with_initial_accumulator(self, initial_accumulator: f64) -> Self {
        Self { initial_accumulator, ..self }
    }

    /// Sets [`weight_decay`](Self::weight_decay).
    pub fn with_weight_decay(self, weight_decay: f64) -> Self {
        Self { weight_decay, ..self }
    }

    /// Sets [`update`](Self::update).
    pub fn with_update(self, update: Update) -> Self {
        Self { update, ..self }
    }

    /// Sets [`clipping`](Self::clipping).
    #[doc(alias = "clip_grad_norm_")]
    pub fn with_clipping(self, clipping: Clipping) -> Self {
        Self { clipping: Some(clipping), ..self }
    }

    /// Checks every setting.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] names the first setting that is out of its range, or that has no deferred form.
    pub fn validate(&self) -> Result<()> {
        let invalid = |message: String| Err(Error::InvalidConfig(message));
        self.common().check()?;
        check_epsilon(self.epsilon, self.epsilon)?;
        let first = self.initial_accumulator;
        if !((first as f32).is_finite() && first >= 0.0) {
            return invalid(format!("initial_accumulator must be a finite f32 and not negative, and is {first:e}"));
        }
        match self.update {
            Update::Deferred => History::check(&(*self).into()),
            Update::Dense | Update::Lazy => Ok(()),
        }
    }
}

static RULE: Part =
    part!("rules/rowwise_adagrad.wgsl").binds(&[Binding::uniform::<RowWiseAdagradStep>(0, 6, "rule")]);

shader_struct! {
    /// The scalars of one step, `RowWiseAdagradStep` in rules/rowwise_adagrad.wgsl.
    struct RowWiseAdagradStep {
        learning_rate: f32,
        epsilon_inside: f32,
        epsilon_outside: f32,
    }
}

impl Rule for RowWiseAdagrad {
    fn name(&self) -> &'static str {
        "rowwise_adagrad"
    }

    fn common(&self) -> Common {
        let &Self { learning_rate, weight_decay, update, clipping, .. } = self;
        Common { learning_rate, weight_decay, update, clipping }
    }

    fn set_common(&mut self, common: Common) {
        let Common { learning_rate, weight_decay, update, clipping } = common;
        *self = Self { learning_rate, weight_decay, update, clipping, ..*self };
    }

    fn settings(&mut self) -> Vec<(&'static str, Setting<'_>)> {
        vec![
            ("epsilon", Setting::Number(&mut self.epsilon)),
            ("epsilon_form", Setting::Choice(&mut self.epsilon_form)),
            ("initial_accumulator", Setting::Number(&mut self.initial_accumulator)),
        ]
    }

    fn validate(&self) -> Result<()> {
        self.validate()
    }

    fn state(&self) -> Vec<StateArray> {
        vec![StateArray { first_value: self.initial_accumulator as f32, ..StateArray::per_row("sum") }]
    }

    fn parts(&self) -> &'static [&'static Part] {
        static PARTS: [&Part; 1] = [&RULE];
        &PARTS
    }

    fn catch_up(&self) -> Option<CatchUpParts> {
        decay_alone(self)
    }

    fn constants(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    fn scalars(&self, _step: u64) -> Vec<f32> {
        let [inside, outside] = self.epsilon_form.places(self.epsilon as f32);
        vec![self.learning_rate as f32, inside, outside]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_named() {
        let cases = [
            (RowWiseAdagrad::default().with_learning_rate(-1.0), "learning_rate"),
            (RowWiseAdagrad::default().with_learning_rate(f64::INFINITY), "learning_rate"),
            (RowWiseAdagrad::default().with_epsilon(0.0), "epsilon"),
            (RowWiseAdagrad::default().with_epsilon(1e-60), "epsilon"),
            (RowWiseAdagrad::default().with_epsilon(f64::NAN), "epsilon"),
            (RowWiseAdagrad::default().with_initial_accumulator(-0.1), "initial_accumulator"),
            (RowWiseAdagrad::default().with_initial_accumulator(1e39), "initial_accumulator"),
            (RowWiseAdagrad::default().with_initial_accumulator(f64::NAN), "initial_accumulator"),
            (RowWiseAdagrad::default().with_weight_decay(-1.0), "weight_decay"),
            (RowWiseAdagrad::default().with_clipping(Clipping::Norm(-1.0)), "clipping"),
        ];
        for (rowwise_adagrad, name) in cases {
            match rowwise_adagrad.validate() {
                Err(Error::InvalidConfig(message)) => assert!(message.starts_with(name), "{message}"),
                other => panic!("{name}: {other:?}"),
            }
        }
        RowWiseAdagrad::default().validate().unwrap();
        RowWiseAdagrad::default().with_update(Update::Lazy).with_weight_decay(0.1).validate().unwrap();
    }

    #[test]
    fn it_keeps_one_number_a_row() {
        let state = RowWiseAdagrad::default().with_initial_accumulator(0.5).state();
        assert_eq!(state, [StateArray { first_value: 0.5, ..StateArray::per_row("sum") }]);
    }
}
