//! The table in host memory, for a context without a GPU. Its methods are the twins of the kernels that know a table:
//! update_all, update_rows, gather_deferred and flush.

use super::RowSums;
use super::missed::MissedSteps;
use super::storage::Rounder;
use super::twin::{Twin, twin};
use crate::config::WEIGHT;
use crate::error::{Error, Result};
use crate::memory::check_room_for;
use crate::optimizer::{Clipping, Extent, Optimizer, StateArray, Update};

/// See the module.
#[derive(Debug)]
pub(crate) struct ReferenceTable {
    rows: Rows,
    /// Where rows are caught up when they are met.
    missed: Option<MissedSteps>,
}

/// The rows, each up to date as of the step that [`MissedSteps`] has of it.
#[derive(Debug)]
pub(super) struct Rows {
    output_dim: usize,
    weights: Vec<f32>,
    rounder: Rounder,
    /// What the optimizer keeps, in the order in which it lists it; nothing on a frozen table.
    state: Vec<(StateArray, Vec<f32>)>,
}

impl ReferenceTable {
    /// A table with all weights zero, and what the optimizer keeps at its first values, after `step` steps. `optimizer` is
    /// `None` for a frozen table.
    pub(crate) fn new(
        [input_dim, output_dim]: [usize; 2],
        rounder: Rounder,
        optimizer: Option<&Optimizer>,
        step: u64,
    ) -> Result<Self> {
        let arrays = optimizer.map(Optimizer::state).unwrap_or_default();
        let optimizer = optimizer.filter(|optimizer| optimizer.catches_up());
        let bytes = |of_row: usize| (input_dim as u64).saturating_mul(of_row as u64);
        let state = arrays.iter().map(|array| bytes(4 * width_of(array, output_dim)));
        let steps = bytes(if optimizer.is_some() { size_of::<u64>() } else { 0 });
        let all = state.fold(bytes(4 * output_dim).saturating_add(steps), u64::saturating_add);
        check_room_for("the table and its optimizer's state", all)?;
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
        let state = state.collect::<Result<_>>()?;
        let rows = Rows { output_dim, weights: filled("weights", output_dim, 0.0)?, rounder, state };
        let missed = optimizer.map(|optimizer| MissedSteps::new(optimizer, input_dim, step)).transpose()?;
        Ok(Self { rows, missed })
    }

    /// The weights, or an array of the optimizer's state, by its name; [`flush`](Self::flush) first.
    pub(crate) fn array(&self, name: &str) -> Option<&Vec<f32>> {
        if name == WEIGHT {
            return Some(&self.rows.weights);
        }
        self.rows.state.iter().find(|(array, _)| array.name == name).map(|(_, values)| values)
    }

    /// An array of the optimizer's state, as [`array`](Self::array).
    pub(crate) fn state_mut(&mut self, name: &str) -> Option<&mut Vec<f32>> {
        self.rows.state.iter_mut().find(|(array, _)| array.name == name).map(|(_, values)| values)
    }

    pub(crate) fn weights(&self) -> &[f32] {
        &self.rows.weights
    }

    /// Sets all weights: `fill_row` is called for each row in order. After an error they are set in part.
    pub(crate) fn set_weights(&mut self, mut fill_row: impl FnMut(&mut [f32]) -> Result<()>) -> Result<()> {
        let Rows { output_dim, weights, rounder, .. } = &mut self.rows;
        weights.chunks_exact_mut(*output_dim).try_for_each(|row| {
            fill_row(row)?;
            rounder.write(row);
            Ok(())
        })
    }

    /// Stochastic rounding draws from another seed from now on.
    #[cfg(all(feature = "files", not(target_arch = "wasm32")))]
    pub(crate) fn set_seed(&mut self, seed: u32) {
        self.rows.rounder.set_seed(seed);
    }

    /// Takes over the weights of another table.
    #[cfg(all(feature = "files", not(target_arch = "wasm32")))]
    pub(crate) fn take_weights(&mut self, other: Self) {
        self.rows.weights = other.rows.weights;
    }

    /// An empty table of the same size and precision.
    #[cfg(all(feature = "files", not(target_arch = "wasm32")))]
    pub(crate) fn like(&self, optimizer: Option<&Optimizer>, step: u64) -> Result<Self> {
        let Rows { output_dim, rounder, .. } = self.rows;
        Self::new([self.rows.count(), output_dim], rounder, optimizer, step)
    }

    /// Rows as the dense optimizer would have them now, zeros where an index is outside the table; the table is left as it is.
    pub(crate) fn gather(&self, optimizer: &Optimizer, indices: &[u32]) -> Vec<f32> {
        let Rows { output_dim, weights, state, .. } = &self.rows;
        let mut output = super::gather(weights, *output_dim, indices);
        let Some(missed) = &self.missed else { return output };
        let twin = twin(optimizer, 1);
        for (&index, weights) in indices.iter().zip(output.chunks_exact_mut(*output_dim)) {
            let row = index as usize;
            if row < self.rows.count() {
                let copy = |(array, values): &(StateArray, Vec<f32>)| {
                    let width = width_of(array, *output_dim);
                    values[row * width..][..width].to_vec()
                };
                let mut copies: Vec<_> = state.iter().map(copy).collect();
                let mut state: Vec<_> = copies.iter_mut().map(|copy| &mut copy[..]).collect();
                missed.catch_up_copy(&*twin, (row, &self.rows.rounder), weights, &mut state);
            }
        }
        output
    }

    /// Brings all rows up to date, by the settings of the steps so far.
    pub(crate) fn flush(&mut self, optimizer: &Optimizer) {
        if let Some(missed) = &mut self.missed {
            missed.catch_up_all(&mut self.rows, &*twin(optimizer, 1));
        }
    }

    /// Goes on with these settings after `step` steps, from rows that are all up to date.
    pub(crate) fn restart(&mut self, optimizer: &Optimizer, step: u64) -> Result<()> {
        if let Some(missed) = &mut self.missed {
            *missed = MissedSteps::new(optimizer, self.rows.count(), step)?;
        }
        Ok(())
    }

    /// One step, with the gradient first multiplied by `scale`, and clipped.
    pub(crate) fn update(&mut self, mut gradient: RowSums, scale: Option<f32>, optimizer: &Optimizer, step: u64) {
        clip(&mut gradient, scale, optimizer.clipping());
        let twin = &*twin(optimizer, step);
        match (&mut self.missed, optimizer.update()) {
            (Some(missed), _) => {
                missed.sweep(&mut self.rows, twin, optimizer);
                gradient.rows.iter().for_each(|&row| missed.catch_up_row(&mut self.rows, twin, row as usize));
                self.rows.update(&gradient, twin, step);
                missed.advance(optimizer, &gradient.rows);
            }
            (None, Update::Dense) => self.rows.update_all(&gradient, twin, step),
            (None, Update::Lazy | Update::Deferred) => self.rows.update(&gradient, twin, step),
        }
    }
}

impl Rows {
    fn count(&self) -> usize {
        self.weights.len() / self.output_dim
    }

    /// Calls `change` with a row's weights and state.
    pub(super) fn with_row(&mut self, row: usize, change: impl FnOnce(&Rounder, &mut [f32], &mut [&mut [f32]])) {
        let output_dim = self.output_dim;
        let state = self.state.iter_mut().map(|(array, values)| {
            let width = width_of(array, output_dim);
            &mut values[row * width..][..width]
        });
        let weights = &mut self.weights[row * output_dim..][..output_dim];
        change(&self.rounder, weights, &mut state.collect::<Vec<_>>());
    }

    /// Updates the gradient's rows.
    fn update(&mut self, gradient: &RowSums, twin: &dyn Twin, step: u64) {
        for (&row, sum) in gradient.rows.iter().zip(gradient.sums.chunks_exact(self.output_dim)) {
            self.update_row(row as usize, sum, twin, step);
        }
    }

    fn update_row(&mut self, row: usize, sum: &[f32], twin: &dyn Twin, step: u64) {
        self.with_row(row, |rounder, weights, state| {
            twin.update_row(weights, state, sum);
            rounder.store(row, weights, step);
        });
    }

    /// Updates every row; one outside the batch has gradient zero.
    fn update_all(&mut self, gradient: &RowSums, twin: &dyn Twin, step: u64) {
        let mut sums = gradient.rows.iter().zip(gradient.sums.chunks_exact(self.output_dim)).peekable();
        let zeros = vec![0.0; self.output_dim];
        for row in 0..self.count() {
            let sum = sums.next_if(|&(&next, _)| next as usize == row).map_or(&zeros[..], |(_, sum)| sum);
            self.update_row(row, sum, twin, step);
        }
    }
}

fn clip(gradient: &mut RowSums, scale: Option<f32>, clipping: Option<Clipping>) {
    let scale = match (scale, clipping) {
        (Some(scale), _) => scale,
        (None, Some(clipping)) => super::gradient_scale(super::gradient_norm(gradient), clipping),
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
}

/// Numbers that an array has for a row.
fn width_of(array: &StateArray, output_dim: usize) -> usize {
    match array.extent {
        Extent::PerElement => output_dim,
        Extent::PerRow => 1,
    }
}
