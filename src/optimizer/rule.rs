//! What an optimizer tells the rest of the crate of itself.

use super::{Choice, Clipping, StateArray, Update};
use crate::error::Result;
use crate::shader::Part;

/// Settings that all optimizers have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Common {
    pub learning_rate: f64,
    pub weight_decay: f64,
    pub update: Update,
    pub clipping: Option<Clipping>,
}

/// A setting of an optimizer's own.
#[derive(Debug)]
pub(crate) enum Setting<'a> {
    Number(&'a mut f64),
    Flag(&'a mut bool),
    Choice(&'a mut dyn Choice),
}

/// How rows are caught up that have missed steps: the parts of the rule's shader for it.
pub(crate) type Catching = &'static [&'static Part];

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

    /// Its shader: `apply` of a quad. The last of the parts is its own.
    fn parts(&self) -> &'static [&'static Part];

    /// The shader of its deferred form; `None` where a row without a gradient does not change.
    fn catch_up(&self) -> Option<Catching>;

    /// The values of its shader's own `override` constants.
    fn constants(&self) -> Vec<(&'static str, f64)>;

    /// Its shader's scalars at step `step`, from 1, rounded once; in the order of the fields of its `rule`.
    fn scalars(&self, step: u64) -> Vec<f32>;
}
