//! What the Adam kernels share: shaders/shared/adam.wgsl.

use super::{Binding, Quad, Runs, shader_struct};
use crate::gpu::batch::{Section, SortedRuns};
use crate::gpu::table::{GpuTable, Moments, Shard};
use crate::optimizer::Adam;

/// What both Adam kernels bind: the step and the table, then the batch's rows and sums.
pub(super) static BINDINGS: &[Binding] = &[
    Binding::uniform::<AdamStep>("step"),
    Binding::read_write::<Quad>("weights"),
    Binding::read_write::<Quad>("first_moment"),
    Binding::read_write::<Quad>("second_moment"),
    Binding::read_write::<Quad>("largest_moment"),
    Binding::uniform::<Runs>("runs"),
    Binding::read::<u32>("rows"),
    Binding::read::<Quad>("sums"),
];

/// What one shard's update binds, in the order of [`BINDINGS`].
pub(super) fn resources<'a>(
    table: &'a GpuTable,
    shard: &'a Shard,
    moments: &'a Moments,
    runs: &'a SortedRuns,
    uniform: &'a Section,
    sums: wgpu::BufferBinding<'a>,
) -> [wgpu::BufferBinding<'a>; 8] {
    [
        table.step.as_entire_buffer_binding(),
        shard.weights.as_entire_buffer_binding(),
        moments.first.as_entire_buffer_binding(),
        moments.second.as_entire_buffer_binding(),
        moments.largest.as_entire_buffer_binding(),
        uniform.binding(),
        runs.rows.binding(),
        sums,
    ]
}

shader_struct! {
    /// The scalars of one step, `AdamStep` in adam.wgsl.
    pub(crate) struct AdamStep {
        /// `learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)`.
        step_size: f32,
        /// Epsilon as it is added to `sqrt(v)`.
        epsilon: f32,
        /// `1 - beta_1`.
        one_minus_beta_1: f32,
        /// `1 - beta_2`.
        one_minus_beta_2: f32,
        /// `1 - learning_rate * weight_decay`.
        decay: f32,
    }
}

impl AdamStep {
    /// The scalars of step `step`, from 1, rounded once.
    pub(crate) fn new(adam: &Adam, step: u64) -> Self {
        Self {
            step_size: adam.step_size(step) as f32,
            epsilon: adam.step_epsilon(step) as f32,
            one_minus_beta_1: (1.0 - adam.beta_1) as f32,
            one_minus_beta_2: (1.0 - adam.beta_2) as f32,
            decay: (1.0 - adam.learning_rate * adam.weight_decay) as f32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_of_the_first_steps_are_the_formulas() {
        let adam = Adam::default();
        let first = AdamStep::new(&adam, 1);
        // sqrt(0.001) / 0.1 * 0.001
        assert_eq!(first.step_size, (0.001 * 0.001f64.sqrt() / 0.1) as f32);
        assert_eq!(first.epsilon, 1e-7);
        assert_eq!(first.decay, 1.0);
        let inside = AdamStep::new(&Adam::pytorch(), 1);
        assert_eq!(inside.epsilon, (1e-8 * (1.0 - 0.999f64).sqrt()) as f32);
        let late = AdamStep::new(&adam, u64::MAX);
        assert_eq!(late.step_size, 0.001);
    }
}
