//! The table in host memory, for a context without a GPU.

use super::{AdamState, RowSums};
use crate::optimizer::{Adam, Update};

/// See the module.
#[derive(Debug)]
pub(crate) struct ReferenceTable {
    pub output_dim: usize,
    /// On a frozen table only the weights are kept.
    pub state: AdamState,
}

impl ReferenceTable {
    /// A table with all numbers zero. `adam` is `None` for a frozen table.
    pub(crate) fn new(input_dim: usize, output_dim: usize, adam: Option<&Adam>) -> Self {
        let zeros = |wanted: bool| if wanted { vec![0.0; input_dim * output_dim] } else { Vec::new() };
        Self {
            output_dim,
            state: AdamState {
                weights: zeros(true),
                first_moment: zeros(adam.is_some()),
                second_moment: zeros(adam.is_some()),
                largest_moment: zeros(adam.is_some_and(|adam| adam.amsgrad)),
            },
        }
    }

    pub(crate) fn update(&mut self, gradient: &RowSums, adam: &Adam, step: u64) {
        match adam.update {
            Update::Dense => super::adam_dense(&mut self.state, self.output_dim, gradient, adam, step),
            Update::Lazy => super::adam_lazy(&mut self.state, self.output_dim, gradient, adam, step),
        }
    }
}
