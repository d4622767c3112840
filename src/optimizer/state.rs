//! What a table keeps beside its weights.

/// An array that an optimizer keeps.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct StateArray {
    /// PyTorch's name for it, by which [`GpuEmbedding::state`](crate::GpuEmbedding::state) and checkpoints know it.
    pub name: &'static str,
    /// What it has a number for.
    pub extent: Extent,
    /// What its numbers are at first.
    pub first_value: f32,
}

/// What a state array has a number for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Each weight: `[input_dim, output_dim]`.
    PerElement,
    /// Each row: `[input_dim]`.
    PerRow,
}

impl StateArray {
    /// An array of one number a weight, zero at first.
    pub(crate) const fn per_element(name: &'static str) -> Self {
        Self { name, extent: Extent::PerElement, first_value: 0.0 }
    }

    /// An array of one number a row, zero at first.
    pub(crate) const fn per_row(name: &'static str) -> Self {
        Self { name, extent: Extent::PerRow, first_value: 0.0 }
    }
}
