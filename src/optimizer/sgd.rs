//! Stochastic gradient descent: its settings, and its scalars.

use super::history::Course;
use super::rule::{CatchUpParts, Common, Rule, Setting, decay_alone};
use super::{Clipping, History, Named, Optimizer, StateArray, Update};
use crate::error::{Error, Result};
use crate::shader::{Binding, Part, part, shader_struct};

/// What the momentum buffer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MomentumForm {
    /// A sum of gradients, `b = momentum * b + g`, which the learning rate of each step multiplies, as in
    /// `torch.optim.SGD`.
    #[default]
    PyTorch,
    /// A sum of moves, `m = momentum * m - learning_rate * g`, each by the learning rate of its own step, as in
    /// `keras.optimizers.SGD`. At a constant learning rate both move the weights alike.
    Keras,
}

impl Named for MomentumForm {
    const CHOICES: &'static [(&'static str, Self)] = &[("pytorch", Self::PyTorch), ("keras", Self::Keras)];
}

/// Gradient descent, with momentum and Nesterov's if wanted.
///
/// With `g` the summed gradient of a row, one step computes
/// ([torch/optim/sgd.py](https://github.com/pytorch/pytorch/blob/main/torch/optim/sgd.py),
/// [keras/src/optimizers/sgd.py](https://github.com/keras-team/keras/blob/master/keras/src/optimizers/sgd.py)):
///
/// ```text
/// w *= 1 - learning_rate * weight_decay
/// without momentum:   w -= learning_rate * g
/// PyTorch's form:     b = momentum * b + g
///                     w -= learning_rate * b          or, with nesterov, learning_rate * (g + momentum * b)
/// Keras's form:       m = momentum * m - learning_rate * g
///                     w += m                          or, with nesterov, momentum * m - learning_rate * g
/// ```
///
/// Weight decay is decoupled, as Keras's. `torch.optim.SGD` adds `weight_decay * w` to the gradient instead, which is the
/// same without momentum and clipping.
///
/// ```
/// use wgpu_embedding::{Sgd, Update};
///
/// let sgd = Sgd::default().with_learning_rate(0.1);
/// assert_eq!((sgd.momentum, sgd.update), (0.0, Update::Deferred));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
#[doc(alias = "SGD")]
pub struct Sgd {
    /// Step size; 0.01 by default.
    #[doc(alias = "lr")]
    pub learning_rate: f64,
    /// What is left of the momentum buffer at each step, in `0.0..1.0`; 0 by default, and then there is no buffer.
    pub momentum: f64,
    /// What the momentum buffer holds; [`MomentumForm::PyTorch`] by default.
    pub momentum_form: MomentumForm,
    /// Nesterov's momentum, which looks a step ahead; off by default.
    pub nesterov: bool,
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

impl Default for Sgd {
    /// `keras.optimizers.SGD()`.
    fn default() -> Self {
        Self {
            learning_rate: 0.01,
            momentum: 0.0,
            momentum_form: MomentumForm::PyTorch,
            nesterov: false,
            weight_decay: 0.0,
            update: Update::Deferred,
            clipping: None,
        }
    }
}

impl Sgd {
    /// Sets [`learning_rate`](Self::learning_rate).
    pub fn with_learning_rate(self, learning_rate: f64) -> Self {
        Self { learning_rate, ..self }
    }

    /// Sets [`momentum`](Self::momentum).
    pub fn with_momentum(self, momentum: f64) -> Self {
        Self { momentum, ..self }
    }

    /// Sets [`momentum_form`](Self::momentum_form).
    pub fn with_momentum_form(self, momentum_form: MomentumForm) -> Self {
        Self { momentum_form, ..self }
    }

    /// Sets [`nesterov`](Self::nesterov).
    pub fn with_nesterov(self, nesterov: bool) -> Self {
        Self { nesterov, ..self }
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
        if !(0.0..1.0).contains(&self.momentum) {
            return invalid(format!("momentum must be in 0.0..1.0, and is {}", self.momentum));
        }
        if self.nesterov && self.momentum == 0.0 {
            return invalid("nesterov needs a momentum above 0, and momentum is 0".to_owned());
        }
        match self.update {
            Update::Deferred => History::check(&(*self).into()),
            Update::Dense | Update::Lazy => Ok(()),
        }
    }

    fn has_momentum(&self) -> bool {
        self.momentum != 0.0
    }
}

static CATCH_UP: Part = part!("rules/sgd_catch_up.wgsl");
static RULE: Part = part!("rules/sgd.wgsl")
    .binds(&[Binding::uniform::<SgdStep>(0, 6, "rule")])
    .with_constants(&["MOMENTUM", "KERAS", "NESTEROV"]);

shader_struct! {
    /// The scalars of one step, `SgdStep` in rules/sgd.wgsl.
    struct SgdStep {
        learning_rate: f32,
        momentum: f32,
        one_minus_momentum: f32,
    }
}

impl Rule for Sgd {
    fn name(&self) -> &'static str {
        "sgd"
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
            ("momentum", Setting::Number(&mut self.momentum)),
            ("momentum_form", Setting::Choice(&mut self.momentum_form)),
            ("nesterov", Setting::Flag(&mut self.nesterov)),
        ]
    }

    fn validate(&self) -> Result<()> {
        self.validate()
    }

    fn state(&self) -> Vec<StateArray> {
        self.has_momentum().then(|| StateArray::per_element("momentum_buffer")).into_iter().collect()
    }

    fn parts(&self) -> &'static [&'static Part] {
        static PARTS: [&Part; 1] = [&RULE];
        &PARTS
    }

    fn catch_up(&self) -> Option<CatchUpParts> {
        static PARTS: [&Part; 1] = [&CATCH_UP];
        if self.has_momentum() { Some(&PARTS) } else { decay_alone(self) }
    }

    fn course(&self) -> Option<Course> {
        if !self.has_momentum() {
            return self.catch_up().map(|_| Course::DECAY);
        }
        Some(Course {
            ratio: self.momentum,
            bases: [self.momentum, 1.0],
            sign: if self.momentum_form == MomentumForm::Keras { -1.0 } else { 1.0 },
            refusal: "a momentum well below 1",
            ..Course::DECAY
        })
    }

    fn term(&self, _step: u64) -> [f64; 2] {
        let rate = if self.momentum_form == MomentumForm::Keras { 1.0 } else { self.learning_rate };
        [if !self.has_momentum() { 0.0 } else { rate * if self.nesterov { self.momentum } else { 1.0 } }, 1.0]
    }

    fn other_compositions(&self) -> Vec<Optimizer> {
        vec![Self { momentum: 0.9, ..*self }.into()]
    }

    fn constants(&self) -> Vec<(&'static str, f64)> {
        let flag = |flag: bool| f64::from(u8::from(flag));
        vec![
            ("MOMENTUM", flag(self.has_momentum())),
            ("KERAS", flag(self.momentum_form == MomentumForm::Keras)),
            ("NESTEROV", flag(self.nesterov)),
        ]
    }

    fn scalars(&self, _step: u64) -> Vec<f32> {
        vec![self.learning_rate as f32, self.momentum as f32, (1.0 - self.momentum) as f32]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_named() {
        let sgd = || Sgd::default().with_update(Update::Dense);
        let cases = [
            (sgd().with_learning_rate(f64::NAN), "learning_rate"),
            (sgd().with_learning_rate(-1.0), "learning_rate"),
            (sgd().with_learning_rate(1e39), "learning_rate"),
            (sgd().with_learning_rate(1e38).with_weight_decay(1e10), "learning_rate"),
            (sgd().with_momentum(1.0), "momentum"),
            (sgd().with_momentum(-0.1), "momentum"),
            (sgd().with_momentum(f64::NAN), "momentum"),
            (sgd().with_nesterov(true), "nesterov"),
            (sgd().with_weight_decay(f64::INFINITY), "weight_decay"),
            (sgd().with_clipping(Clipping::Value(0.0)), "clipping"),
            (sgd().with_clipping(Clipping::Norm(f64::NAN)), "clipping"),
            (
                Sgd::default().with_momentum(0.9989),
                "Update::Deferred needs a momentum well below 1 (0.9988 of it at most)",
            ),
            (Sgd::default().with_momentum(0.999_999), "Update::Deferred needs a momentum well below 1"),
            (Sgd::default().with_learning_rate(1.0).with_weight_decay(1.0), "Update::Deferred needs learning_rate"),
        ];
        for (sgd, name) in cases {
            match sgd.validate() {
                Err(Error::InvalidConfig(message)) => assert!(message.starts_with(name), "{message}"),
                other => panic!("{name}: {other:?}"),
            }
        }
        Sgd::default().validate().unwrap();
        Sgd::default().with_learning_rate(0.0).validate().unwrap();
        let momentum = Sgd::default().with_momentum(0.9).with_nesterov(true).with_weight_decay(0.1);
        momentum.validate().unwrap();
        momentum.with_momentum(0.999_999).with_update(Update::Dense).validate().unwrap();
        Sgd::default().with_momentum(0.99).with_weight_decay(0.1).validate().unwrap();
        Sgd::default().with_momentum(0.9988).validate().unwrap();
    }

    #[test]
    fn there_is_a_buffer_only_with_momentum() {
        assert!(Sgd::default().state().is_empty());
        assert_eq!(Sgd::default().with_momentum(0.5).state(), [StateArray::per_element("momentum_buffer")]);
    }
}
