use super::adam::{AdamState, Step, adam_lazy, update_row};
use super::{RowSums, gather};
use crate::Adam;

/// A table under deferred Adam: each row is as its last update left it.
///
/// The twins here make up for missed steps in the plainest way, one by one, so they give dense Adam's very bits.
#[derive(Debug, Clone, PartialEq)]
pub struct DeferredState {
    /// Weights and moments of each row, as of its own last step.
    pub adam: AdamState,
    /// Steps made up to which each row is current, at most as many as there are in `steps`.
    pub last_step: Vec<usize>,
    /// The settings of each step so far.
    pub steps: Vec<Adam>,
}

impl DeferredState {
    /// Rows that are all current, before the first step.
    pub fn new(adam: AdamState, output_dim: usize) -> Self {
        let rows = adam.weights.len() / output_dim;
        Self { adam, last_step: vec![0; rows], steps: Vec::new() }
    }

    fn catch_up(&mut self, row: usize, output_dim: usize) {
        let zeros = vec![0.0; output_dim];
        for step in self.last_step[row]..self.steps.len() {
            update_row(&mut self.adam, row, &zeros, &Step::new(&self.steps[step], step as u64 + 1));
        }
        self.last_step[row] = self.steps.len();
    }
}

/// One step of Adam on the batch's rows, each after the steps that it has missed.
pub fn adam_deferred(state: &mut DeferredState, output_dim: usize, gradient: &RowSums, adam: &Adam) {
    for &row in &gradient.rows {
        state.catch_up(row as usize, output_dim);
    }
    state.steps.push(*adam);
    adam_lazy(&mut state.adam, output_dim, gradient, adam, state.steps.len() as u64);
    for &row in &gradient.rows {
        state.last_step[row as usize] = state.steps.len();
    }
}

/// Brings all rows up to the last step.
pub fn flush(state: &mut DeferredState, output_dim: usize) {
    for row in 0..state.last_step.len() {
        state.catch_up(row, output_dim);
    }
}

/// [`gather`] of the rows as they would be after a [`flush`], of a table that is left as it is.
pub fn gather_deferred(state: &DeferredState, output_dim: usize, indices: &[u32]) -> Vec<f32> {
    let mut current = state.clone();
    flush(&mut current, output_dim);
    gather(&current.adam.weights, output_dim, indices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::adam_dense;

    #[test]
    fn missed_steps_made_up_for_are_the_steps_of_dense_adam() {
        let width = 2;
        let start = AdamState {
            weights: vec![0.5, -0.25, 0.125, 1.0, 0.75, 0.0],
            first_moment: vec![0.0; 6],
            second_moment: vec![0.0; 6],
            largest_moment: vec![0.0; 6],
        };
        let mut dense = start.clone();
        let mut deferred = DeferredState::new(start, width);
        let rows: [&[u32]; 7] = [&[0, 2], &[], &[1], &[], &[], &[0, 1], &[]];
        for (step, rows) in (1u64..).zip(rows) {
            let rate = 0.1 / step as f64;
            let adam = Adam::default().with_learning_rate(rate).with_weight_decay(0.1).with_amsgrad(true);
            let sums = (0..rows.len() * width).map(|element| element as f32 - step as f32 / 4.0).collect();
            let gradient = RowSums { rows: rows.to_vec(), sums };
            adam_dense(&mut dense, width, &gradient, &adam, step);
            adam_deferred(&mut deferred, width, &gradient, &adam);
            let seen = gather_deferred(&deferred, width, &[2, 0, 3, 1]);
            assert_eq!(seen, [&dense.weights[4..], &dense.weights[..2], &[0.0; 2], &dense.weights[2..4]].concat());
        }
        assert_ne!(deferred.adam, dense);
        flush(&mut deferred, width);
        assert_eq!(deferred.adam, dense);
    }
}
