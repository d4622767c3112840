//! Clipping of the summed gradient.

/// What is done to a table's summed gradient before a step.
///
/// Keras and PyTorch clip the gradient of the whole table; rows outside the batch have none and add nothing to its norm,
/// so this is exact. For a norm over several tables, or over a model's other parameters too, see
/// [`GpuEmbedding::record_gradient_norm`](crate::GpuEmbedding::record_gradient_norm).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Clipping {
    /// Each element to `-limit..=limit`: Keras's `clipvalue`, PyTorch's `clip_grad_value_`.
    Value(f64),
    /// The whole table's gradient `g` to a Euclidean norm of `limit`, `g * limit / max(norm, limit)`: Keras's `clipnorm`,
    /// and its `global_clipnorm` where the table is the only parameter.
    ///
    /// The norm is computed in f32 on the GPU, in a fixed order; one past 1.8e19 counts as infinite. Where it is not a
    /// number, because a gradient is not, no row is scaled: the others are not lost for it.
    Norm(f64),
    /// The same as PyTorch's `clip_grad_norm_` has it: `g * min(1, limit / (norm + 1e-6))`.
    NormPyTorch(f64),
}
