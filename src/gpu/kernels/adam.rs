//! What the Adam kernels share: shaders/shared/adam.wgsl.

use super::{Binding, Kernel, Quad, Runs, shader_struct};
use crate::error::{Error, Result};
use crate::gpu::batch::SortedRuns;
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::mapping::RowMapping;
use crate::gpu::table::{GpuTable, Shard};
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

/// One dispatch for each shard that has something to do: `workgroups` says how much, of a shard and its runs.
pub(super) fn dispatches(
    gpu: &Gpu,
    table: &GpuTable,
    runs: &SortedRuns,
    sums: wgpu::BufferBinding<'_>,
    (kernel, amsgrad): (&'static Kernel, bool),
    workgroups: impl Fn(&RowMapping, &Shard, u32) -> u64,
) -> Result<Vec<Dispatch>> {
    let mapping = RowMapping::moved(gpu, table.layout);
    let pipeline = mapping.pipeline(gpu, kernel, Some(amsgrad))?;
    let mut dispatches = Vec::new();
    for (shard, (run_count, uniform)) in table.shards.iter().zip(&runs.shards) {
        let workgroups = workgroups(&mapping, shard, *run_count);
        if workgroups == 0 {
            continue;
        }
        let moments = shard.moments.as_ref().ok_or(Error::Frozen)?;
        let resources = [
            table.step.as_entire_buffer_binding(),
            shard.weights.as_entire_buffer_binding(),
            moments.first.as_entire_buffer_binding(),
            moments.second.as_entire_buffer_binding(),
            moments.largest.as_entire_buffer_binding(),
            uniform.binding(),
            runs.rows.binding(),
            sums.clone(),
        ];
        dispatches.push(gpu.dispatch(&pipeline, &resources, workgroups)?);
    }
    Ok(dispatches)
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
