//! The table in host memory, for a context without a GPU.

use super::RowSums;
use super::twin::{Twin, twin};
use crate::config::WEIGHT;
use crate::error::{Error, Result};
use crate::memory::check_room_for;
use crate::optimizer::{Clipping, Extent, Optimizer, StateArray, Update};

/// See the module.
#[derive(Debug)]
pub(crate) struct ReferenceTable {
    pub output_dim: usize,
    pub weights: Vec<f32>,
    /// What the optimizer keeps, in the order in which it lists it; nothing on a frozen table.
    state: Vec<(StateArray, Vec<f32>)>,
}

impl ReferenceTable {
    /// A table with all weights zero, and what the optimizer keeps at its first values. `optimizer` is `None` for a frozen
    /// table.
    pub(crate) fn new(input_dim: usize, output_dim: usize, optimizer: Option<&Optimizer>) -> Result<Self> {
        let arrays = optimizer.map(Optimizer::state).unwrap_or_default();
        let floats = |width: usize| (input_dim as u64).saturating_mul(width as u64);
        let state = arrays.iter().map(|array| floats(width_of(array, output_dim)));
        let all = state.fold(floats(output_dim), u64::saturating_add);
        check_room_for("the table and its optimizer's state", all.saturating_mul(4))?;
        let filled = |what: &'static str, width: usize, value: f32| {
            let count = input_dim * width;
            let mut values = Vec::new();
            // Not vec![value; count], which ends the process where there is no room.
            values.try_reserve_exact(count).map_err(|error| Error::OutOfMemory {
                what,
                required: count as u64 * 4,
                reason: error.to_string(),
            })?;
            values.resize(count, value);
            Ok(values)
        };
        let state = arrays
            .into_iter()
            .map(|array| Ok((array, filled(array.name, width_of(&array, output_dim), array.first_value)?)));
        Ok(Self { output_dim, weights: filled("weights", output_dim, 0.0)?, state: state.collect::<Result<_>>()? })
    }

    /// The weights, or an array of the optimizer's state, by its name.
    pub(crate) fn array(&self, name: &str) -> Option<&Vec<f32>> {
        if name == WEIGHT {
            return Some(&self.weights);
        }
        self.state.iter().find(|(array, _)| array.name == name).map(|(_, values)| values)
    }

    pub(crate) fn array_mut(&mut self, name: &str) -> Option<&mut Vec<f32>> {
        if name == WEIGHT {
            return Some(&mut self.weights);
        }
        self.state.iter_mut().find(|(array, _)| array.name == name).map(|(_, values)| values)
    }

    /// One step, with the gradient first multiplied by `scale`, and clipped.
    pub(crate) fn update(&mut self, mut gradient: RowSums, scale: Option<f32>, optimizer: &Optimizer, step: u64) {
        let clipping = optimizer.clipping();
        let scale = match (scale, clipping) {
            (Some(scale), _) => scale,
            (None, Some(clipping)) => super::gradient_scale(super::gradient_norm(&gradient), clipping),
            (None, None) => 1.0,
        };
        for g in &mut gradient.sums {
            *g *= scale;
            if let Some(Clipping::Value(limit)) = clipping {
                let limit = limit as f32;
                // By comparison, so that a NaN stays one.
                *g = if *g > limit { limit } else { *g };
                *g = if *g < -limit { -limit } else { *g };
            }
        }
        // Deferred is a cheaper way to the same result; here it is checked against the plain one.
        let every_row = match optimizer.update() {
            Update::Dense => true,
            Update::Lazy => false,
            Update::Deferred => optimizer.rule().catch_up().is_some(),
        };
        let twin = twin(optimizer, step);
        let mut sums = gradient.rows.iter().zip(gradient.sums.chunks_exact(self.output_dim));
        if !every_row {
            return sums.for_each(|(&row, sum)| self.update_row(&*twin, row as usize, sum));
        }
        let mut sums = sums.by_ref().peekable();
        let zeros = vec![0.0; self.output_dim];
        for row in 0..self.weights.len() / self.output_dim {
            let sum = sums.next_if(|&(&next, _)| next as usize == row).map_or(&zeros[..], |(_, sum)| sum);
            self.update_row(&*twin, row, sum);
        }
    }

    fn update_row(&mut self, twin: &dyn Twin, row: usize, gradient: &[f32]) {
        let output_dim = self.output_dim;
        let state = self.state.iter_mut().map(|(array, values)| {
            let width = width_of(array, output_dim);
            &mut values[row * width..][..width]
        });
        let weights = &mut self.weights[row * output_dim..][..output_dim];
        twin.update_row(weights, &mut state.collect::<Vec<_>>(), gradient);
    }
}

/// Numbers that an array has for a row.
fn width_of(array: &StateArray, output_dim: usize) -> usize {
    match array.extent {
        Extent::PerElement => output_dim,
        Extent::PerRow => 1,
    }
}
