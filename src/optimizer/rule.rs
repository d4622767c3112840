//! What an optimizer tells the rest of the crate of itself.

use super::history::Course;
use super::{Choice, Clipping, Extent, Optimizer, StateArray, Update};
use crate::error::{Error, Result};
use crate::shader::{Part, part};

/// Settings that all optimizers have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Common {
    pub learning_rate: f64,
    pub weight_decay: f64,
    pub update: Update,
    pub clipping: Option<Clipping>,
}

impl Common {
    /// Checks that each is in its range, also in f32, in which the kernels have it.
    pub(crate) fn check(&self) -> Result<()> {
        let &Self { learning_rate, weight_decay, clipping, .. } = self;
        let invalid = |message: String| Err(Error::InvalidConfig(message));
        if !(learning_rate.is_finite() && learning_rate >= 0.0) {
            return invalid(format!("learning_rate must be finite and not negative, and is {learning_rate}"));
        }
        if !(weight_decay.is_finite() && weight_decay >= 0.0) {
            return invalid(format!("weight_decay must be finite and not negative, and is {weight_decay}"));
        }
        let decay = learning_rate * weight_decay;
        if !((learning_rate as f32).is_finite() && (decay as f32).is_finite()) {
            return invalid(format!(
                "learning_rate {learning_rate:e} is too large: it and learning_rate * weight_decay must be finite in f32"
            ));
        }
        if let Some(Clipping::Value(limit) | Clipping::Norm(limit) | Clipping::NormPyTorch(limit)) = clipping
            && !(limit > 0.0 && (limit as f32) > 0.0 && (limit as f32).is_finite())
        {
            return invalid(format!("clipping must be to a positive, finite f32, and is to {limit}"));
        }
        Ok(())
    }
}

/// Checks an epsilon, which is `smallest` where it is smallest. An element without a gradient, and what fills up a row to
/// whole quads, divides 0 by it: it must not vanish in f32.
pub(crate) fn check_epsilon(epsilon: f64, smallest: f64) -> Result<()> {
    let smallest = smallest as f32;
    if epsilon.is_finite() && smallest.is_finite() && smallest >= f32::MIN_POSITIVE {
        return Ok(());
    }
    Err(Error::InvalidConfig(format!("epsilon must be positive, finite and a normal f32, and is {epsilon:e}")))
}

/// A setting of an optimizer's own.
#[derive(Debug)]
pub(crate) enum Setting<'a> {
    Number(&'a mut f64),
    Flag(&'a mut bool),
    Choice(&'a mut dyn Choice),
}

static DECAY: Part = part!("rules/decay_catch_up.wgsl");

/// How rows are caught up that have missed steps: the parts of the rule's shader for it.
pub(crate) type CatchUpParts = &'static [&'static Part];

/// The shader of weight decay alone, if there is any.
pub(crate) fn decay_alone(rule: &dyn Rule) -> Option<CatchUpParts> {
    static PARTS: [&Part; 1] = [&DECAY];
    (rule.common().weight_decay != 0.0).then_some(&PARTS)
}

/// An optimizer, as the tables, the kernels and the checkpoints see it.
pub(crate) trait Rule {
    /// In lower case.
    fn name(&self) -> &'static str;

    fn common(&self) -> Common;

    fn set_common(&mut self, common: Common);

    /// Its own settings by their names, beside the common ones: what checkpoints and case files write and read.
    fn settings(&mut self) -> Vec<(&'static str, Setting<'_>)>;

    /// See [`Optimizer::validate`](super::Optimizer::validate).
    fn validate(&self) -> Result<()>;

    /// What it keeps, arrays of one number a weight first, in the order in which its shader has them.
    fn state(&self) -> Vec<StateArray>;

    /// Whether it keeps a number a row, made from the row term of each step: its shader then has `new_row_number`.
    fn has_row_term(&self) -> bool {
        self.state().iter().any(|array| array.extent == Extent::PerRow)
    }

    /// Its shader: `apply` of a quad. The last of the parts is its own.
    fn parts(&self) -> &'static [&'static Part];

    /// The shader of its deferred form; `None` where a row without a gradient does not change.
    fn catch_up(&self) -> Option<CatchUpParts>;

    /// What steps without a gradient do to a row; `None` where they do nothing, and [`catch_up`](Self::catch_up) is none.
    fn course(&self) -> Option<Course> {
        self.catch_up().map(|_| Course::DECAY)
    }

    /// alpha and epsilon of step `step`, from 1, in the sums of [`History`](super::History).
    fn term(&self, _step: u64) -> [f64; 2] {
        [0.0, 1.0]
    }

    /// The same optimizer with other settings, where these have other shaders than its defaults and weight decay have.
    fn other_compositions(&self) -> Vec<Optimizer> {
        Vec::new()
    }

    /// The values of its shader's own `override` constants.
    fn constants(&self) -> Vec<(&'static str, f64)>;

    /// Its shader's scalars at step `step`, from 1, rounded once; in the order of the fields of its `rule`.
    fn scalars(&self, step: u64) -> Vec<f32>;
}
