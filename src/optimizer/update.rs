//! Which rows an update touches.

use super::Named;

/// Which rows an update touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Update {
    /// What [`Dense`](Self::Dense) computes, at what [`Lazy`](Self::Lazy) costs: only the batch's rows are touched, and
    /// what a row has missed since its last update is made up for, all at once, when it is next looked up or updated.
    ///
    /// The result is the dense optimizer's up to rounding, and its rounding is less: many small steps are rounded once. A
    /// lookup sees the rows as the dense optimizer would have them; reading or setting weights first brings all rows up to
    /// date, and [`flush`](crate::GpuEmbedding::flush) does so on demand. Learning rates may change at every step. The CPU
    /// reference does the same, at the same cost.
    ///
    /// What a row has missed must converge: Adam needs beta_1 to be at most 0.9988 `sqrt(beta_2)`, SGD a momentum of at most
    /// 0.9988. A learning rate times weight decay must leave something of the weights.
    /// [`Optimizer::validate`](super::Optimizer::validate) refuses other settings.
    ///
    /// Where nothing happens to a row without a gradient, as under [`Adagrad`](super::Adagrad) without weight decay, it is what
    /// `Lazy` computes.
    #[default]
    Deferred,
    /// Every row at every step, as Keras's `Adam` and PyTorch's `Adam` do: the moments of a row without a
    /// gradient decay, and the row moves on. A step costs what the whole table costs.
    Dense,
    /// Only the rows of the batch, as PyTorch's `SparseAdam` does: a step costs what the batch costs, and rows
    /// outside it keep weights and moments as they are. Weight decay and amsgrad, too, act on the batch's rows alone.
    Lazy,
}

impl Named for Update {
    const CHOICES: &'static [(&'static str, Self)] =
        &[("deferred", Self::Deferred), ("dense", Self::Dense), ("lazy", Self::Lazy)];
}
