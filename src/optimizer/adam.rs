//! Adam's settings, and its scalars at each step, in f64.

use super::history::Course;
use super::rule::{CatchUpParts, Common, Rule, Setting, check_epsilon};
use super::{Clipping, History, Named, StateArray, Update, power};
use crate::error::{Error, Result};
use crate::shader::{Binding, Part, part, shader_struct};

/// Where epsilon stands in the update: outside or inside of what the two frameworks do to the second moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EpsilonForm {
    /// `alpha * m / (sqrt(v) + epsilon)`: epsilon outside the bias correction, as in Keras's `Adam` and in
    /// PyTorch's `SparseAdam`. Of [`Adagrad`](super::Adagrad): `learning_rate * g / sqrt(G + epsilon)`.
    #[default]
    Keras,
    /// `lr / (1 - beta_1^t) * m / (sqrt(v) / sqrt(1 - beta_2^t) + epsilon)`: epsilon inside the bias correction,
    /// as in PyTorch's `Adam` and `AdamW`. Of [`Adagrad`](super::Adagrad): `learning_rate * g / (sqrt(G) + epsilon)`.
    PyTorch,
}

impl EpsilonForm {
    /// Epsilon inside of a root of a sum of squares, and outside of it.
    pub(crate) fn places(self, epsilon: f32) -> [f32; 2] {
        match self {
            Self::Keras => [epsilon, 0.0],
            Self::PyTorch => [0.0, epsilon],
        }
    }
}

impl Named for EpsilonForm {
    const CHOICES: &'static [(&'static str, Self)] = &[("keras", Self::Keras), ("pytorch", Self::PyTorch)];
}

/// Adam's settings: Keras's names and Keras's defaults.
///
/// With `t` the step, from 1, and `g` the summed gradient of a row, one step computes
/// ([keras/src/optimizers/adam.py](https://github.com/keras-team/keras/blob/master/keras/src/optimizers/adam.py)):
///
/// ```text
/// alpha = learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)
/// w -= w * learning_rate * weight_decay
/// m += (g - m) * (1 - beta_1)
/// v += ((1 - beta_2) g) g - (1 - beta_2) v
/// s  = v                          or, with amsgrad, v_hat = max(v_hat, v)
/// w -= alpha * m / (sqrt(s) + epsilon)
/// ```
///
/// The line of `v` is PyTorch's way to write Keras's `(g*g - v) * (1 - beta_2)`: a gradient of 1e20, whose square no f32
/// holds, is taken as it should. Where `v` would pass the largest f32 it stays there, in every [`Update`]. Keras's and
/// PyTorch's `v` is infinite then, and their weight never moves again. An infinite gradient makes its weight NaN.
///
/// `alpha`, and in PyTorch's form `epsilon`, are computed on the host in f64 at each step; the rest is f32. Which rows a
/// step touches, and when, is the [`update`](Self::update)'s to say.
///
/// ```
/// use wgpu_embedding::{Adam, Update};
///
/// let keras = Adam::default();
/// assert_eq!((keras.learning_rate, keras.epsilon), (0.001, 1e-7));
///
/// let sparse_adam = Adam::pytorch_sparse().with_learning_rate(0.01);
/// assert_eq!(sparse_adam.update, Update::Lazy);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Adam {
    /// Step size; 0.001 by default.
    #[doc(alias = "lr")]
    pub learning_rate: f64,
    /// Decay of the first moment, in `0.0..1.0`; 0.9 by default.
    pub beta_1: f64,
    /// Decay of the second moment, in `0.0..1.0`; 0.999 by default.
    pub beta_2: f64,
    /// Keeps the division finite; 1e-7 by default, as in Keras.
    #[doc(alias = "eps")]
    pub epsilon: f64,
    /// Where epsilon stands; [`EpsilonForm::Keras`] by default.
    pub epsilon_form: EpsilonForm,
    /// Decoupled weight decay, as in AdamW: each update first multiplies its rows by
    /// `1 - learning_rate * weight_decay`. 0 by default, which is plain Adam.
    pub weight_decay: f64,
    /// Divide by the largest second moment so far in place of the current one; off by default.
    pub amsgrad: bool,
    /// Which rows an update touches; [`Update::Deferred`] by default.
    pub update: Update,
    /// What is done to the summed gradient first; nothing by default.
    #[doc(alias = "clipnorm")]
    #[doc(alias = "clipvalue")]
    #[doc(alias = "global_clipnorm")]
    pub clipping: Option<Clipping>,
}

impl Default for Adam {
    /// `keras.optimizers.Adam()`.
    fn default() -> Self {
        Self {
            learning_rate: 0.001,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-7,
            epsilon_form: EpsilonForm::Keras,
            weight_decay: 0.0,
            amsgrad: false,
            update: Update::Deferred,
            clipping: None,
        }
    }
}

impl Adam {
    /// `torch.optim.Adam()`: epsilon 1e-8, inside the bias correction.
    pub fn pytorch() -> Self {
        Self { epsilon: 1e-8, epsilon_form: EpsilonForm::PyTorch, ..Self::default() }
    }

    /// `torch.optim.SparseAdam()`: epsilon 1e-8 in Keras's form, the batch's rows.
    #[doc(alias = "SparseAdam")]
    pub fn pytorch_sparse() -> Self {
        Self { epsilon: 1e-8, update: Update::Lazy, ..Self::default() }
    }

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
    #[doc(alias = "AdamW")]
    pub fn with_weight_decay(self, weight_decay: f64) -> Self {
        Self { weight_decay, ..self }
    }

    /// Sets [`amsgrad`](Self::amsgrad).
    pub fn with_amsgrad(self, amsgrad: bool) -> Self {
        Self { amsgrad, ..self }
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
        for (name, beta) in [("beta_1", self.beta_1), ("beta_2", self.beta_2)] {
            if !(0.0..1.0).contains(&beta) {
                return invalid(format!("{name} must be in 0.0..1.0, and is {beta}"));
            }
            // The kernels multiply by 1 - beta in f32; a beta so close to 1 that this vanishes would never learn.
            if ((1.0 - beta) as f32) < f32::MIN_POSITIVE {
                return invalid(format!("{name} must leave 1 - {name} a normal f32, and is {beta}"));
            }
        }
        // PyTorch's form makes it smallest at step 1.
        check_epsilon(self.epsilon, self.step_epsilon(1))?;
        // The step size is never above it.
        let step_size = self.learning_rate / (1.0 - self.beta_1);
        if !(step_size as f32).is_finite() {
            return invalid(format!(
                "learning_rate {:e} is too large: learning_rate / (1 - beta_1) must be finite in f32",
                self.learning_rate
            ));
        }
        match self.update {
            Update::Deferred => History::check(&(*self).into()),
            Update::Dense | Update::Lazy => Ok(()),
        }
    }
}

impl Adam {
    /// beta_1 and beta_2 as the kernels have them, which is what the f32 of `1 - beta` leaves of 1.
    pub(crate) fn kernel_betas(&self) -> [f64; 2] {
        [self.beta_1, self.beta_2].map(|beta| 1.0 - f64::from((1.0 - beta) as f32))
    }

    /// `sqrt(1 - beta_2^step)`.
    fn root_bias_2(&self, step: u64) -> f64 {
        (1.0 - power(self.beta_2, step)).sqrt()
    }

    /// `learning_rate * sqrt(1 - beta_2^step) / (1 - beta_1^step)`, `alpha` in the formula above, of step `step`, from 1.
    ///
    /// For code that trains other parameters beside the table, in step with it: before an update is made or recorded, its
    /// step is [`step_count() + 1`](crate::GpuEmbedding::step_count).
    pub fn step_size(&self, step: u64) -> f64 {
        self.learning_rate * self.root_bias_2(step) / (1.0 - power(self.beta_1, step))
    }

    /// Epsilon as it is added to `sqrt(v)` at step `step`, from 1: PyTorch's form, multiplied out, is
    /// `epsilon * sqrt(1 - beta_2^step)`.
    pub fn step_epsilon(&self, step: u64) -> f64 {
        match self.epsilon_form {
            EpsilonForm::Keras => self.epsilon,
            EpsilonForm::PyTorch => self.epsilon * self.root_bias_2(step),
        }
    }
}

static STATE: Part = part!("rules/adam_state.wgsl").with_constants(&["AMSGRAD"]);
static RULE: Part = part!("rules/adam.wgsl").binds(&[Binding::uniform::<AdamStep>(0, 6, "rule")]);
static ROOT: Part = part!("rules/adam_root.wgsl");
/// Of row-wise Adam too.
pub(super) static CATCH_UP: Part = part!("rules/adam_catch_up.wgsl").with_constants(&["HORIZON"]);

shader_struct! {
    /// The scalars of one step, `AdamStep` in rules/adam.wgsl.
    struct AdamStep {
        step_size: f32,
        epsilon: f32,
        one_minus_beta_1: f32,
        one_minus_beta_2: f32,
    }
}

impl Rule for Adam {
    fn name(&self) -> &'static str {
        "adam"
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
            ("amsgrad", Setting::Flag(&mut self.amsgrad)),
        ]
    }

    fn validate(&self) -> Result<()> {
        self.validate()
    }

    fn state(&self) -> Vec<StateArray> {
        let names = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"];
        names[..2 + usize::from(self.amsgrad)].iter().map(|name| StateArray::per_element(name)).collect()
    }

    fn parts(&self) -> &'static [&'static Part] {
        static PARTS: [&Part; 2] = [&STATE, &RULE];
        &PARTS
    }

    fn catch_up(&self) -> Option<CatchUpParts> {
        static PARTS: [&Part; 3] = [&STATE, &ROOT, &CATCH_UP];
        Some(&PARTS)
    }

    fn course(&self) -> Option<Course> {
        let betas = self.kernel_betas();
        let root = if self.amsgrad { 1.0 } else { betas[1].sqrt() };
        Some(Course {
            ratio: betas[0] / root,
            bases: betas,
            root,
            epsilon: self.epsilon,
            nodes: Some(([self.beta_1, self.beta_2], self.epsilon_form == EpsilonForm::PyTorch)),
            refusal: "beta_1 well below sqrt(beta_2)",
            ..Course::DECAY
        })
    }

    fn term(&self, step: u64) -> [f64; 2] {
        [self.step_size(step), self.step_epsilon(step)]
    }

    fn constants(&self) -> Vec<(&'static str, f64)> {
        vec![("AMSGRAD", f64::from(u8::from(self.amsgrad)))]
    }

    fn scalars(&self, step: u64) -> Vec<f32> {
        let scalars = [self.step_size(step), self.step_epsilon(step), 1.0 - self.beta_1, 1.0 - self.beta_2];
        scalars.map(|scalar| scalar as f32).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_named() {
        let cases = [
            (Adam::default().with_learning_rate(f64::NAN), "learning_rate"),
            (Adam::default().with_learning_rate(-1.0), "learning_rate"),
            (Adam::default().with_learning_rate(1e39), "learning_rate"),
            (Adam::default().with_betas(1.0, 0.999), "beta_1"),
            (Adam::default().with_betas(0.9, -0.1), "beta_2"),
            (Adam::default().with_betas(0.9, f64::NAN), "beta_2"),
            (Adam::default().with_epsilon(0.0), "epsilon"),
            (Adam::default().with_epsilon(1e-60), "epsilon"),
            (Adam::default().with_epsilon(f64::INFINITY), "epsilon"),
            (Adam::default().with_weight_decay(-0.1), "weight_decay"),
            (Adam::default().with_learning_rate(1e38).with_weight_decay(1e308), "learning_rate"),
            (Adam::default().with_learning_rate(1e30).with_betas(1.0 - 1e-15, 0.9), "learning_rate"),
        ];
        for (adam, name) in cases {
            match adam.validate() {
                Err(Error::InvalidConfig(message)) => assert!(message.starts_with(name), "{message}"),
                other => panic!("{name}: {other:?}"),
            }
        }
        Adam::default().with_betas(0.0, 0.0).with_update(Update::Dense).validate().unwrap();
        Adam::default().with_betas(0.0, 0.999).validate().unwrap();
        Adam::default().with_learning_rate(0.0).validate().unwrap();
    }

    #[test]
    fn scalars_of_the_first_steps_are_the_formulas() {
        let first = Adam::default().scalars(1);
        // sqrt(0.001) / 0.1 * 0.001
        assert_eq!(first[0], (0.001 * 0.001f64.sqrt() / 0.1) as f32);
        assert_eq!(first[1], 1e-7);
        assert_eq!(Adam::pytorch().scalars(1)[1], (1e-8 * (1.0 - 0.999f64).sqrt()) as f32);
        assert_eq!(Adam::default().scalars(u64::MAX)[0], 0.001);
    }
}
