//! Row-wise Adam: its settings, and its scalars at each step, in f64.

use super::adam::CATCH_UP;
use super::history::Course;
use super::rule::{CatchUpParts, Common, Rule, Setting};
use super::{Adam, Clipping, EpsilonForm, StateArray, Update};
use crate::error::Result;
use crate::shader::{Binding, Part, part, shader_struct};

/// Row-wise Adam, FBGEMM's partial row-wise one: [`Adam`] with one second moment a row, that of the mean square of the row's
/// gradient.
///
/// With `t` the step, from 1, and `g` the summed gradient of a row of `output_dim` columns, one step computes
/// ([fbgemm_gpu, partial_rowwise_adam](https://github.com/pytorch/FBGEMM/blob/main/fbgemm_gpu/codegen/genscript/optimizers.py)):
///
/// ```text
/// w *= 1 - learning_rate * weight_decay
/// m += (g - m) * (1 - beta_1)
/// v += (mean(g * g) - v) * (1 - beta_2)                               over the row
/// PyTorch's form:     w -= learning_rate / (1 - beta_1^t) * m / (sqrt(v) / sqrt(1 - beta_2^t) + epsilon)
/// Keras's form:       w -= learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)
/// ```
///
/// FBGEMM's form is PyTorch's. `m` is the state array `exp_avg`, `v` is `exp_avg_sq`, `[input_dim]`: a table needs
/// little more than half of Adam's state.
/// Where `v` or the mean would pass the largest f32, `v` stays there. A gradient that is not finite makes its whole row NaN.
///
/// The mean is taken in f32, in an order that depends on the number of columns alone.
///
/// ```
/// use wgpu_embedding::{Extent, Optimizer, RowWiseAdam};
///
/// let optimizer = Optimizer::from(RowWiseAdam::default().with_learning_rate(0.1));
/// assert_eq!(optimizer.state()[1].extent, Extent::PerRow);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
#[doc(alias = "PARTIAL_ROWWISE_ADAM")]
pub struct RowWiseAdam {
    /// Step size; 0.01 by default.
    #[doc(alias = "lr")]
    pub learning_rate: f64,
    /// Decay of the first moment, in `0.0..1.0`; 0.9 by default.
    pub beta_1: f64,
    /// Decay of the second moment, in `0.0..1.0`; 0.999 by default.
    pub beta_2: f64,
    /// Keeps the division finite; 1e-8 by default.
    #[doc(alias = "eps")]
    pub epsilon: f64,
    /// Where epsilon stands; [`EpsilonForm::PyTorch`] by default.
    pub epsilon_form: EpsilonForm,
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

impl Default for RowWiseAdam {
    /// FBGEMM's: learning rate 0.01, epsilon 1e-8 inside the bias correction.
    fn default() -> Self {
        Self {
            learning_rate: 0.01,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            epsilon_form: EpsilonForm::PyTorch,
            weight_decay: 0.0,
            update: Update::Deferred,
            clipping: None,
        }
    }
}

impl RowWiseAdam {
    /// Sets [`learning_rate`](Self::learning_rate).
    pub fn with_learning_rate(self, learning_rate: f64) -> Self {
        Self { learning_rate, ..self }
    }

    /// Sets [`beta_1`](Self::beta_1) and [`beta_2`](Self::beta_2).
    pub fn with_betas(self, beta_1: f64, beta_2: f64) -> Self {
        Self { beta_1, beta_2, ..self }
    }

    /// Sets [`epsilon`](Self::epsilon).
    pub fn with_epsilon(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }

    /// Sets [`epsilon_form`](Self::epsilon_form).
    pub fn with_epsilon_form(self, epsilon_form: EpsilonForm) -> Self {
        Self { epsilon_form, ..self }
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
    /// [`Error::InvalidConfig`](crate::Error::InvalidConfig) names the first setting that is out of its range, or that has no
    /// deferred form.
    pub fn validate(&self) -> Result<()> {
        self.by_element().validate()
    }

    /// Adam with the same settings: they have the same ranges, scalars and sums.
    fn by_element(&self) -> Adam {
        let &Self { learning_rate, beta_1, beta_2, epsilon, epsilon_form, weight_decay, update, clipping } = self;
        let adam = Adam::default().with_betas(beta_1, beta_2).with_epsilon(epsilon).with_epsilon_form(epsilon_form);
        Adam { learning_rate, weight_decay, update, clipping, ..adam }
    }
}

static ROOT: Part = part!("rules/rowwise_adam_catch_up.wgsl");
static RULE: Part = part!("rules/rowwise_adam.wgsl").binds(&[Binding::uniform::<RowWiseAdamStep>(0, 6, "rule")]);

shader_struct! {
    /// The scalars of one step, `RowWiseAdamStep` in rules/rowwise_adam.wgsl.
    struct RowWiseAdamStep {
        step_size: f32,
        epsilon: f32,
        one_minus_beta_1: f32,
        one_minus_beta_2: f32,
    }
}

impl Rule for RowWiseAdam {
    fn name(&self) -> &'static str {
        "rowwise_adam"
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
            ("beta_1", Setting::Number(&mut self.beta_1)),
            ("beta_2", Setting::Number(&mut self.beta_2)),
            ("epsilon", Setting::Number(&mut self.epsilon)),
            ("epsilon_form", Setting::Choice(&mut self.epsilon_form)),
        ]
    }

    fn validate(&self) -> Result<()> {
        self.validate()
    }

    fn state(&self) -> Vec<StateArray> {
        vec![StateArray::per_element("exp_avg"), StateArray::per_row("exp_avg_sq")]
    }

    fn parts(&self) -> &'static [&'static Part] {
        static PARTS: [&Part; 1] = [&RULE];
        &PARTS
    }

    fn catch_up(&self) -> Option<CatchUpParts> {
        static PARTS: [&Part; 2] = [&ROOT, &CATCH_UP];
        Some(&PARTS)
    }

    fn course(&self) -> Option<Course> {
        self.by_element().course()
    }

    fn term(&self, step: u64) -> [f64; 2] {
        self.by_element().term(step)
    }

    fn constants(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    fn scalars(&self, step: u64) -> Vec<f32> {
        self.by_element().scalars(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn settings_out_of_range_are_named() {
        let cases = [
            (RowWiseAdam::default().with_learning_rate(-1.0), "learning_rate"),
            (RowWiseAdam::default().with_betas(1.0, 0.999), "beta_1"),
            (RowWiseAdam::default().with_betas(0.9, f64::NAN), "beta_2"),
            (RowWiseAdam::default().with_epsilon(0.0), "epsilon"),
            (RowWiseAdam::default().with_weight_decay(-1.0), "weight_decay"),
            (RowWiseAdam::default().with_clipping(Clipping::Norm(-1.0)), "clipping"),
            (RowWiseAdam::default().with_betas(0.9, 0.5), "Update::Deferred needs beta_1"),
        ];
        for (rowwise_adam, name) in cases {
            match rowwise_adam.validate() {
                Err(Error::InvalidConfig(message)) => assert!(message.starts_with(name), "{message}"),
                other => panic!("{name}: {other:?}"),
            }
        }
        RowWiseAdam::default().validate().unwrap();
        RowWiseAdam::default().with_betas(0.9, 0.5).with_update(Update::Dense).validate().unwrap();
    }

    #[test]
    fn all_settings_reach_the_scalars() {
        let settings = RowWiseAdam::default().with_betas(0.8, 0.99).with_epsilon_form(EpsilonForm::Keras);
        let adam = Adam::default().with_learning_rate(0.01).with_betas(0.8, 0.99).with_epsilon(1e-8);
        assert_eq!(settings.scalars(3), adam.scalars(3));
        assert_eq!(settings.course(), adam.course());
    }
}
