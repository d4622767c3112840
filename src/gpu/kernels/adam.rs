//! What the Adam kernels share: shaders/shared/adam.wgsl, short_runs.wgsl and long_runs.wgsl.

use super::{Binding, Kernel, Quad, Shard, Words, shader_struct};
use crate::error::{Error, Result};
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::plan::CHUNK;
use crate::gpu::update::Update;
use crate::optimizer::{Adam, Clipping};

/// Group 0 of lazy and dense Adam: a shard, and the step.
pub(crate) static TABLE: &[Binding] = &[
    Binding::uniform::<Shard>(0, "shard"),
    Binding::uniform::<AdamStep>(1, "step"),
    Binding::read_write::<Quad>(2, "weights"),
    Binding::read_write::<Quad>(3, "first_moment"),
    Binding::read_write::<Quad>(4, "second_moment"),
    Binding::read_write::<Quad>(5, "largest_moment"),
];

/// Group 0 of the kernels that catch rows up, too.
pub(crate) static DEFERRED_TABLE: &[Binding] = &[
    Binding::uniform::<Shard>(0, "shard"),
    Binding::uniform::<AdamStep>(1, "step"),
    Binding::read_write::<Quad>(2, "weights"),
    Binding::read_write::<Quad>(3, "first_moment"),
    Binding::read_write::<Quad>(4, "second_moment"),
    Binding::read_write::<Quad>(5, "largest_moment"),
    Binding::read_write::<u32>(6, "last_step"),
    Binding::read::<Words>(7, "history"),
];

/// The three builds of a kernel that updates the batch's rows: `name.wgsl` after the parts that it lists.
macro_rules! row_builds {
    ($name:literal, $table:expr, [$($own:literal),*], [$($constant:literal),*], [$($mirrored:expr),*]) => {
        /// Runs of at most a chunk, for `output_dim` a multiple of 4.
        pub static SHORT_VEC4: Kernel = row_builds!(
            @build $name, $table, crate::gpu::kernels::GRADIENT_VEC4,
            ["shared/gradient_vec4.wgsl", "shared/sum_lookups.wgsl", "shared/short_runs.wgsl"], [$($own),*], [$($constant),*], [$($mirrored),*]
        );
        /// Runs of at most a chunk, for any other `output_dim`.
        pub static SHORT_SCALAR: Kernel = row_builds!(
            @build $name, $table, crate::gpu::kernels::GRADIENT_SCALAR,
            ["shared/gradient_scalar.wgsl", "shared/sum_lookups.wgsl", "shared/short_runs.wgsl"], [$($own),*], [$($constant),*], [$($mirrored),*]
        );
        /// Runs of more than a chunk.
        pub static LONG: Kernel = row_builds!(
            @build $name, $table, crate::gpu::kernels::PARTIAL_SUMS,
            ["shared/partial_slots.wgsl", "shared/sum_partials.wgsl", "shared/long_runs.wgsl"], [$($own),*], [$($constant),*], [$($mirrored),*]
        );
    };
    (@build $name:literal, $table:expr, $call:expr, [$($of_runs:literal),*], [$($own:literal),*], [$($constant:literal),*], [$($mirrored:expr),*]) => {
        Kernel {
            name: $name,
            parts: &[
                part!("shared/grid.wgsl"),
                part!("shared/row.wgsl"),
                part!("shared/shard.wgsl"),
                part!("shared/plan_layout.wgsl"),
                part!("shared/plan.wgsl"),
                $(part!($of_runs),)*
                part!("shared/adam.wgsl"),
                $(part!($own),)*
            ],
            groups: &[$table, crate::gpu::kernels::PLAN, $call],
            constants: &["DIM", "QUADS", "THREADS", "AMSGRAD", "CLIPPED", $($constant),*],
            mirrored: &[
                ("WORKGROUP_SIZE", crate::gpu::kernels::WORKGROUP_SIZE),
                ("CHUNK", crate::gpu::plan::CHUNK),
                $($mirrored,)*
            ],
        }
    };
}
pub(super) use row_builds;

/// The builds of one kernel.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowBuilds {
    pub short_vec4: &'static Kernel,
    pub short_scalar: &'static Kernel,
    pub long: &'static Kernel,
}

/// For each shard one dispatch over its short runs, and one over its long ones, where there are such.
pub(super) fn row_dispatches(gpu: &Gpu, update: &Update<'_>, builds: RowBuilds) -> Result<Vec<Dispatch>> {
    let Update { table, runs, plan, .. } = *update;
    let mapping = table.mapping;
    let constants = update.constants();
    let pipeline = mapping.pipeline(gpu, mapping.by_width(builds.short_vec4, builds.short_scalar), &constants)?;
    let mut dispatches = Vec::new();
    for (shard, of_shard) in table.shards.iter().zip(&runs.shards) {
        let group = shard.update_group.as_ref().ok_or(Error::Frozen)?;
        if of_shard.run_count > 0 {
            let groups = [Some(group), Some(plan), Some(update.gradient)];
            dispatches.push(gpu.dispatch(&pipeline, groups, mapping.workgroups(of_shard.run_count))?);
        }
        if of_shard.longest > CHUNK {
            let partial_sums = update.partial_sums(gpu)?;
            let pipeline = mapping.pipeline(gpu, builds.long, &constants)?;
            let groups = [Some(group), Some(plan), Some(&partial_sums)];
            let blocks = runs.lookup_count.div_ceil(CHUNK);
            dispatches.push(gpu.dispatch(&pipeline, groups, mapping.workgroups(blocks))?);
        }
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
        /// What a summed gradient is multiplied by; clipping by the norm computes it on the GPU.
        gradient_scale: f32,
        /// The largest size of an element of a scaled gradient.
        gradient_limit: f32,
        /// The step, modulo 2^32.
        number: u32,
    }
}

impl AdamStep {
    /// Where `gradient_scale` is, in floats.
    pub(crate) const GRADIENT_SCALE: u32 = std::mem::offset_of!(Self, gradient_scale) as u32 / 4;

    /// The scalars of step `step`, from 1, rounded once.
    pub(crate) fn new(adam: &Adam, step: u64, gradient_scale: f32) -> Self {
        Self {
            step_size: adam.step_size(step) as f32,
            epsilon: adam.step_epsilon(step) as f32,
            one_minus_beta_1: (1.0 - adam.beta_1) as f32,
            one_minus_beta_2: (1.0 - adam.beta_2) as f32,
            decay: (1.0 - adam.learning_rate * adam.weight_decay) as f32,
            gradient_scale,
            gradient_limit: match adam.clipping {
                Some(Clipping::Value(limit)) => limit as f32,
                _ => f32::INFINITY,
            },
            number: step as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_of_the_first_steps_are_the_formulas() {
        let adam = Adam::default();
        let first = AdamStep::new(&adam, 1, 1.0);
        // sqrt(0.001) / 0.1 * 0.001
        assert_eq!(first.step_size, (0.001 * 0.001f64.sqrt() / 0.1) as f32);
        assert_eq!(first.epsilon, 1e-7);
        assert_eq!(first.decay, 1.0);
        let inside = AdamStep::new(&Adam::pytorch(), 1, 1.0);
        assert_eq!(inside.epsilon, (1e-8 * (1.0 - 0.999f64).sqrt()) as f32);
        let late = AdamStep::new(&adam, u64::MAX, 1.0);
        assert_eq!(late.step_size, 0.001);
    }
}
