//! Lion: its settings, and its scalars.

use super::history::Course;
use super::rule::{CatchUpParts, Common, Rule, Setting};
use super::{Clipping, History, StateArray, Update};
use crate::error::{Error, Result};
use crate::shader::{Binding, Part, part, shader_struct};

/// Every element moves by the learning rate at each step, in the direction of a mean of gradients.
///
/// With `g` the summed gradient of a row, one step computes
/// ([Chen et al., 2023](https://arxiv.org/abs/2302.06675),
/// [keras/src/optimizers/lion.py](https://github.com/keras-team/keras/blob/master/keras/src/optimizers/lion.py)):
///
/// ```text
/// w *= 1 - learning_rate * weight_decay
/// w -= learning_rate * sign(beta_1 * m + (1 - beta_1) * g)
/// m  = beta_2 * m + (1 - beta_2) * g
/// ```
///
/// A row that has had a gradient moves on at every later step, also without one, for the sign does not fade. So that it does
/// not fade in f32 either, an `m` that is not 0 is kept at 2^-125 or above.
///
/// ```
/// use wgpu_embedding::{Lion, Update};
///
/// let lion = Lion::default().with_learning_rate(1e-4);
/// assert_eq!((lion.beta_1, lion.beta_2, lion.update), (0.9, 0.99, Update::Deferred));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Lion {
    /// Step size; 0.001 by default.
    #[doc(alias = "lr")]
    pub learning_rate: f64,
    /// What is left of `m` in the direction of a step, above 0 and below 1; 0.9 by default.
    #[doc(alias = "betas")]
    pub beta_1: f64,
    /// What is left of `m` at each step, above 0 and below 1; 0.99 by default.
    pub beta_2: f64,
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

impl Default for Lion {
    /// `keras.optimizers.Lion()`.
    fn default() -> Self {
        Self {
            learning_rate: 0.001,
            beta_1: 0.9,
            beta_2: 0.99,
            weight_decay: 0.0,
            update: Update::Deferred,
            clipping: None,
        }
    }
}

impl Lion {
    /// Sets [`learning_rate`](Self::learning_rate).
    pub fn with_learning_rate(self, learning_rate: f64) -> Self {
        Self { learning_rate, ..self }
    }

    /// Sets [`beta_1`](Self::beta_1) and [`beta_2`](Self::beta_2).
    pub fn with_betas(self, beta_1: f64, beta_2: f64) -> Self {
        Self { beta_1, beta_2, ..self }
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
        self.common().check()?;
        for (name, beta) in [("beta_1", self.beta_1), ("beta_2", self.beta_2)] {
            // Also in f32. At 0 the sign of m would be that of nothing, and a row without a gradient would stop.
            if !((beta as f32) >= f32::MIN_POSITIVE && (beta as f32) < 1.0) {
                return Err(Error::InvalidConfig(format!("{name} must be above 0 and below 1, and is {beta}")));
            }
        }
        match self.update {
            Update::Deferred => History::check(&(*self).into()),
            Update::Dense | Update::Lazy => Ok(()),
        }
    }
}

/// Every missed step moves a row, however long ago its gradient was: the sums end at cuts.
const CUT: u32 = 256;

static SIGN: Part = part!("rules/lion_sign.wgsl");
static CATCH_UP: Part = part!("rules/lion_catch_up.wgsl");
static RULE: Part = part!("rules/lion.wgsl").binds(&[Binding::uniform::<LionStep>(0, 6, "rule")]);

shader_struct! {
    /// The scalars of one step, `LionStep` in rules/lion.wgsl.
    struct LionStep {
        learning_rate: f32,
        beta_1: f32,
        one_minus_beta_1: f32,
        beta_2: f32,
        one_minus_beta_2: f32,
    }
}

impl Rule for Lion {
    fn name(&self) -> &'static str {
        "lion"
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
        vec![("beta_1", Setting::Number(&mut self.beta_1)), ("beta_2", Setting::Number(&mut self.beta_2))]
    }

    fn validate(&self) -> Result<()> {
        self.validate()
    }

    fn state(&self) -> Vec<StateArray> {
        vec![StateArray::per_element("exp_avg")]
    }

    fn parts(&self) -> &'static [&'static Part] {
        static PARTS: [&Part; 2] = [&SIGN, &RULE];
        &PARTS
    }

    fn catch_up(&self) -> Option<CatchUpParts> {
        static PARTS: [&Part; 2] = [&SIGN, &CATCH_UP];
        Some(&PARTS)
    }

    fn course(&self) -> Option<Course> {
        Some(Course {
            ratio: 1.0,
            // As the kernels have it, which multiply by it.
            bases: [f64::from(self.beta_2 as f32), 1.0],
            cut: Some(CUT),
            ..Course::DECAY
        })
    }

    fn term(&self, _step: u64) -> [f64; 2] {
        [self.learning_rate, 1.0]
    }

    fn constants(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    fn scalars(&self, _step: u64) -> Vec<f32> {
        let &Self { learning_rate, beta_1, beta_2, .. } = self;
        [learning_rate, beta_1, 1.0 - beta_1, beta_2, 1.0 - beta_2].map(|scalar| scalar as f32).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_named() {
        let cases = [
            (Lion::default().with_learning_rate(f64::NAN), "learning_rate"),
            (Lion::default().with_learning_rate(-1.0), "learning_rate"),
            (Lion::default().with_learning_rate(1e39), "learning_rate"),
            (Lion::default().with_betas(0.0, 0.99), "beta_1"),
            (Lion::default().with_betas(1.0, 0.99), "beta_1"),
            (Lion::default().with_betas(1.0 - 1e-12, 0.99), "beta_1"),
            (Lion::default().with_betas(0.9, 0.0), "beta_2"),
            (Lion::default().with_betas(0.9, 1e-40), "beta_2"),
            (Lion::default().with_betas(0.9, f64::NAN), "beta_2"),
            (Lion::default().with_weight_decay(-0.1), "weight_decay"),
            (Lion::default().with_clipping(Clipping::Value(0.0)), "clipping"),
            (Lion::default().with_learning_rate(0.1).with_weight_decay(3.0), "Update::Deferred"),
        ];
        for (lion, name) in cases {
            match lion.validate() {
                Err(Error::InvalidConfig(message)) => assert!(message.starts_with(name), "{message}"),
                other => panic!("{name}: {other:?}"),
            }
        }
        Lion::default().validate().unwrap();
        Lion::default().with_learning_rate(0.0).validate().unwrap();
        Lion::default().with_betas(0.01, 0.01).validate().unwrap();
        Lion::default().with_learning_rate(0.1).with_weight_decay(2.0).validate().unwrap();
    }
}
