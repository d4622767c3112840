//! The table in host memory, for a context without a GPU.

use super::{AdamState, RowSums};
use crate::error::{Error, Result};
use crate::memory::check_room_for;
use crate::optimizer::{Adam, Clipping, Optimizer, Update};

/// See the module.
#[derive(Debug)]
pub(crate) struct ReferenceTable {
    pub output_dim: usize,
    /// On a frozen table only the weights are kept.
    pub state: AdamState,
}

impl ReferenceTable {
    /// A table with all numbers zero. `optimizer` is `None` for a frozen table.
    pub(crate) fn new(input_dim: usize, output_dim: usize, optimizer: Option<&Optimizer>) -> Result<Self> {
        let adam: Option<&Adam> = optimizer.map(|Optimizer::Adam(adam)| adam);
        let arrays = adam.map_or(1, |adam| if adam.amsgrad { 4 } else { 3 });
        check_room_for(
            "the table and its moments",
            (input_dim as u64 * output_dim as u64).saturating_mul(4 * arrays),
        )?;
        let zeros = |what: &'static str, wanted: bool| {
            let count = if wanted { input_dim * output_dim } else { 0 };
            let mut values = Vec::new();
            // Not vec![0.0; count], which ends the process where there is no room.
            values.try_reserve_exact(count).map_err(|error| Error::OutOfMemory {
                what,
                required: count as u64 * 4,
                reason: error.to_string(),
            })?;
            values.resize(count, 0.0);
            Ok(values)
        };
        Ok(Self {
            output_dim,
            state: AdamState {
                weights: zeros("weights", true)?,
                first_moment: zeros("first_moment", adam.is_some())?,
                second_moment: zeros("second_moment", adam.is_some())?,
                largest_moment: zeros("largest_moment", adam.is_some_and(|adam| adam.amsgrad))?,
            },
        })
    }

    /// The weights, or an array of the optimizer's state, by its name.
    pub(crate) fn array(&self, name: &str) -> Option<&Vec<f32>> {
        match name {
            "weight" => Some(&self.state.weights),
            "exp_avg" => Some(&self.state.first_moment),
            "exp_avg_sq" => Some(&self.state.second_moment),
            "max_exp_avg_sq" => Some(&self.state.largest_moment),
            _ => None,
        }
    }

    pub(crate) fn array_mut(&mut self, name: &str) -> Option<&mut Vec<f32>> {
        match name {
            "weight" => Some(&mut self.state.weights),
            "exp_avg" => Some(&mut self.state.first_moment),
            "exp_avg_sq" => Some(&mut self.state.second_moment),
            "max_exp_avg_sq" => Some(&mut self.state.largest_moment),
            _ => None,
        }
    }

    /// One step, with the gradient first multiplied by `scale`, and clipped.
    pub(crate) fn update(&mut self, mut gradient: RowSums, scale: Option<f32>, optimizer: &Optimizer, step: u64) {
        let Optimizer::Adam(adam) = optimizer;
        let scale = match (scale, adam.clipping) {
            (Some(scale), _) => scale,
            (None, Some(clipping)) => super::gradient_scale(super::gradient_norm(&gradient), clipping),
            (None, None) => 1.0,
        };
        for g in &mut gradient.sums {
            *g *= scale;
            if let Some(Clipping::Value(limit)) = adam.clipping {
                let limit = limit as f32;
                // By comparison, so that a NaN stays one.
                *g = if *g > limit { limit } else { *g };
                *g = if *g < -limit { -limit } else { *g };
            }
        }
        let gradient = &gradient;
        match adam.update {
            // Deferred Adam is a cheaper way to the same result; here it is checked against the plain one.
            Update::Dense | Update::Deferred => {
                super::adam_dense(&mut self.state, self.output_dim, gradient, adam, step)
            }
            Update::Lazy => super::adam_lazy(&mut self.state, self.output_dim, gradient, adam, step),
        }
    }
}
