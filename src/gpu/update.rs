//! One step of the optimizer.

use std::iter;

use super::batch::SortedRuns;
use super::device::{Dispatch, Gpu};
use super::gradient::{BatchGradient, Sums, Target};
use super::history::{Catching, Dropped, StepData};
use super::kernels::flush;
use super::kernels::gradient_scale::Limit;
use super::kernels::inputs::CHUNK;
use super::kernels::inputs::{Runs, Step};
use super::layout::QUAD_BYTES;
use super::region::{BufferRegion, check_binding_size};
use super::table::{GpuTable, UpdateKind};
use super::table_kernels::TableKernel;
use crate::error::{Error, Result};
use crate::optimizer::{Clipping, History, Optimizer};

/// What a summed gradient is multiplied by, beside what the optimizer's own clipping does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum GradientScale<'a> {
    None,
    Host(f32),
    /// One f32.
    Gpu(BufferRegion<'a>),
}

/// A step that was recorded and is not counted yet: the history after it, where the update is deferred.
#[must_use]
pub(crate) struct Recorded(Option<History>);

/// What the kernels of one update take.
struct UpdateStep<'a> {
    table: &'a GpuTable,
    runs: &'a SortedRuns,
    sums: &'a Sums<'a>,
    clipped: bool,
}

impl GpuTable {
    /// Records one update: the sort where the GPU sorts, the sums of long runs, then the optimizer; where the update is
    /// deferred also the rows that are due to be caught up; and last the check of indices that nobody has checked.
    ///
    /// Gives what [`count_step`](Self::count_step) takes, once nothing more can fail.
    pub(crate) fn record_update(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        gradient: BatchGradient<'_>,
        scale: GradientScale<'_>,
        (optimizer, step): (&Optimizer, u64),
    ) -> Result<Recorded> {
        // What was dropped stays known until it is made up for: what pipelines need depends on it.
        let dropped = self.deferred().and_then(|deferred| deferred.deliveries.dropped());
        let recorded = self.record_step(gpu, encoder, gradient, scale, (optimizer, step), dropped)?;
        if let (Some(dropped), Some(deferred)) = (dropped, self.deferred()) {
            deferred.deliveries.make_up_for(dropped);
        }
        Ok(Recorded(recorded))
    }

    /// From now on the table is one step further.
    pub(crate) fn count_step(&mut self, recorded: Recorded) {
        let update = self.training.as_mut().map(|training| &mut training.update);
        if let (Recorded(Some(history)), Some(UpdateKind::Deferred(deferred))) = (recorded, update) {
            deferred.history = history;
        }
    }

    /// Gives the history after the step.
    fn record_step(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        gradient: BatchGradient<'_>,
        scale: GradientScale<'_>,
        (optimizer, step): (&Optimizer, u64),
        dropped: Option<Dropped>,
    ) -> Result<Option<History>> {
        let catching = self.deferred().map(|deferred| {
            let flushes = deferred.lost_flush(dropped) || deferred.history.should_flush(optimizer);
            if flushes { Catching::All } else { Catching::Due }
        });
        let dispatches = self.update_dispatches(gpu, gradient, scale, optimizer, (catching, dropped))?;
        let of_step = &self.training()?.step;
        // A step's scalars, and what it leaves in the history, travel with the encoder, not with the queue: of two
        // updates recorded before one submit each computes with its own.
        let (factor, source) = match scale {
            GradientScale::None => (1.0, None),
            GradientScale::Host(factor) => (factor, None),
            GradientScale::Gpu(region) => (1.0, Some(check_scale(gpu, region, of_step)?)),
        };
        let scalars = optimizer.rule().scalars(step);
        let step = Step {
            number: step as u32,
            decay_rate: (optimizer.learning_rate() * optimizer.weight_decay()) as f32,
            gradient_scale: factor,
            gradient_limit: match optimizer.clipping() {
                Some(Clipping::Value(limit)) => limit as f32,
                _ => f32::INFINITY,
            },
        };
        let data = StepData::new(gpu, optimizer, (&step, &scalars), self.deferred().zip(catching), dropped)?;
        let before = |encoder: &mut wgpu::CommandEncoder| {
            data.record_before(encoder, of_step);
            if let Some(BufferRegion { buffer, offset, .. }) = source {
                encoder.copy_buffer_to_buffer(buffer, offset, of_step, u64::from(Step::GRADIENT_SCALE) * 4, 4);
            }
        };
        gpu.record(encoder, "embedding update", &dispatches, before, |encoder| data.record_after(encoder))?;
        Ok(data.recorded(encoder))
    }

    fn update_dispatches(
        &self,
        gpu: &Gpu,
        gradient: BatchGradient<'_>,
        scale: GradientScale<'_>,
        optimizer: &Optimizer,
        (catching, dropped): (Option<Catching>, Option<Dropped>),
    ) -> Result<Vec<Dispatch>> {
        let training = self.training()?;
        let mut dispatches = Vec::new();
        if let Some(deferred) = self.deferred() {
            let history = &deferred.history;
            if let Some(dropped) = dropped {
                deferred.check_dropped(dropped)?;
            }
            let since = dropped.map_or(history.now() + 1, |dropped| dropped.first);
            let (due, until) = match catching {
                Some(Catching::All) => (iter::once(0..self.layout.input_dim).collect(), flush::BEFORE),
                // Before the first cut there is nothing to sweep.
                _ if history.last_cut() == 0 => (Vec::new(), 0),
                _ => (history.due(since), history.last_cut() as u32),
            };
            for rows in due {
                dispatches.extend(self.flush_dispatches(gpu, deferred, rows, until)?);
            }
        }
        let sums = self.sums(gpu, gradient)?;
        dispatches.extend(sums.dispatches(gpu)?);
        let clipped = optimizer.clipping().is_some() || !matches!(scale, GradientScale::None);
        let update = UpdateStep { table: self, runs: gradient.runs, sums: &sums, clipped };
        let limit = match optimizer.clipping() {
            Some(Clipping::Norm(limit)) => Some((limit as f32, 0.0)),
            Some(Clipping::NormPyTorch(limit)) => Some((limit as f32, 1e-6)),
            Some(Clipping::Value(_)) | None => None,
        };
        if let Some((limit, epsilon)) = limit {
            if !matches!(scale, GradientScale::None) {
                return Err(scaled_twice());
            }
            let limit = Limit { square_count: 0, entry: Step::GRADIENT_SCALE, limit, epsilon };
            dispatches.extend(sums.norm(gpu, limit, training.step.as_entire_buffer_binding())?);
        }
        dispatches.extend(match training.update {
            UpdateKind::Dense => update.all(gpu)?,
            UpdateKind::Lazy | UpdateKind::Deferred(_) => update.rows(gpu)?,
        });
        dispatches.extend(self.unchecked_dispatch(gpu, gradient.unchecked)?);
        Ok(dispatches)
    }
}

impl UpdateStep<'_> {
    /// For each shard that the batch has rows of one dispatch over its short runs; then for each that has long ones, one over
    /// those.
    fn rows(&self, gpu: &Gpu) -> Result<Vec<Dispatch>> {
        let Self { table, runs, sums, .. } = *self;
        let (mapping, plan) = (&table.mapping, runs.group(gpu)?);
        let pipeline = |runs| table.pipeline(gpu, TableKernel::UpdateRows { runs, clipped: self.clipped });
        // What all shards share is looked up once.
        let shards = || table.shards.iter().zip(&runs.shards);
        let mut dispatches = Vec::with_capacity(2 * table.shards.len());
        if shards().any(|(_, of_shard)| of_shard.run_count > 0) {
            let pipeline = pipeline(Runs::Short(mapping.width()))?;
            for (shard, of_shard) in shards().filter(|(_, of_shard)| of_shard.run_count > 0) {
                let group = table.group(gpu, shard, &pipeline)?;
                let groups = [Some(&group), Some(plan), Some(&sums.group)];
                dispatches.push(gpu.dispatch(&pipeline, groups, mapping.workgroups(of_shard.run_count))?);
            }
        }
        if shards().any(|(_, of_shard)| of_shard.longest > CHUNK) {
            let pipeline = pipeline(Runs::Long)?;
            let partial_sums = gpu.bind(&pipeline, 2, &[("partial_sums", sums.partial())])?;
            let blocks = runs.lookup_count.div_ceil(CHUNK);
            for (shard, _) in shards().filter(|(_, of_shard)| of_shard.longest > CHUNK) {
                let group = table.group(gpu, shard, &pipeline)?;
                let groups = [Some(&group), Some(plan), Some(&partial_sums)];
                dispatches.push(gpu.dispatch(&pipeline, groups, mapping.workgroups(blocks))?);
            }
        }
        Ok(dispatches)
    }

    /// The sums of all runs, then one dispatch a shard.
    fn all(&self, gpu: &Gpu) -> Result<Vec<Dispatch>> {
        let Self { table, runs, sums, .. } = *self;
        let (mapping, plan) = (&table.mapping, runs.group(gpu)?);
        let pipeline = table.pipeline(gpu, TableKernel::UpdateAll { clipped: self.clipped })?;
        let bytes = (u64::from(runs.run_count) * table.layout.dense_row_bytes()).max(QUAD_BYTES);
        check_binding_size("the batch's summed gradient", bytes, &gpu.limits)?;
        let row_sums = table.row_sums.at_least(gpu, bytes)?;
        // Not the whole buffer, which may exceed a binding.
        let row_sums = wgpu::BufferBinding { buffer: &row_sums, offset: 0, size: wgpu::BufferSize::new(bytes) };
        let mut dispatches = Vec::new();
        if runs.run_count > 0 {
            let target = Target::Compact(row_sums.clone());
            dispatches.push(sums.dispatch(gpu, &table.summing, target, runs.run_count)?);
        }
        let row_sums = gpu.bind(&pipeline, 2, &[("gradient", row_sums)])?;
        for shard in &table.shards {
            let group = table.group(gpu, shard, &pipeline)?;
            let workgroups = mapping.workgroups(shard.rows.end - shard.rows.start);
            dispatches.push(gpu.dispatch(&pipeline, [Some(&group), Some(plan), Some(&row_sums)], workgroups)?);
        }
        Ok(dispatches)
    }
}

/// Checks the buffer of a caller's factor, which is copied.
fn check_scale<'a>(gpu: &Gpu, region: BufferRegion<'a>, target: &wgpu::Buffer) -> Result<BufferRegion<'a>> {
    let what = "the gradient's scale";
    region.check_copy(what, 4)?;
    // wgpu tells of a buffer of another device, or a destroyed one, when an encoder is finished: this one is never used.
    let ((), error) = gpu.scoped(|| {
        let mut encoder = gpu.encoder("embedding scale");
        encoder.copy_buffer_to_buffer(region.buffer, region.offset, target, 0, 4);
        drop(encoder.finish());
    });
    match error {
        None => Ok(region),
        Some(error) => Err(Error::ForeignObject { what, reason: error.to_string() }),
    }
}

/// Of a caller's factor beside clipping by the norm.
pub(crate) fn scaled_twice() -> Error {
    let message = "a gradient is scaled by its norm or by the caller's factor, not by both; make the table without \
                   clipping by the norm";
    Error::InvalidConfig(message.to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::gpu::TableLayout;
    use crate::gpu::batch::upload;
    use crate::gpu::host_sort::SortScratch;
    use crate::gpu::kernels::parts;
    use crate::gpu::plan::SortPlan;
    use crate::storage::Precision;
    use crate::{EmbeddingConfig, GpuContext};

    /// Dispatches of a training step, lookup and update, and shards.
    fn dispatches_of_a_step(config: &EmbeddingConfig, indices: &[u32]) -> (usize, usize) {
        let context = GpuContext::gpu().unwrap();
        let gpu = context.inner().unwrap();
        let layout =
            TableLayout::new(config.input_dim, config.output_dim, 2, config.max_shard_bytes, &gpu.limits).unwrap();
        let optimizer = Optimizer::default();
        let table = GpuTable::new(gpu, layout, (Precision::default(), 0), Some(&optimizer)).unwrap();
        let plan = SortPlan::new(indices, &layout, |_| true, SortScratch::default()).unwrap();
        let (lookups, runs) = upload(gpu, &Arc::default(), &layout, indices, &plan).unwrap();
        let buffer = gpu.allocate("test", indices.len() as u64 * 256, wgpu::BufferUsages::STORAGE).unwrap();
        let gradient = BatchGradient { runs: &runs, region: (&buffer).into(), unchecked: None };
        let update = table.update_dispatches(gpu, gradient, GradientScale::None, &optimizer, (None, None)).unwrap();
        let bound = &parts::output(table.mapping.width()).bindings[0];
        let output = [(bound.name, buffer.as_entire_buffer_binding())];
        let output = gpu.bind_group("output", &[bound], &output).unwrap();
        let lookup = table.lookup_dispatches(gpu, &lookups, &output).unwrap();
        (lookup.len() + update.len(), table.shards.len())
    }

    #[test]
    #[ignore = "needs an adapter"]
    fn a_step_takes_few_dispatches() {
        let small = EmbeddingConfig::new(10_000, 64);
        let spread: Vec<u32> = (0..8_192).map(|i| i * 7_919 % 10_000).collect();
        // The gather, and all the rest in one.
        assert_eq!(dispatches_of_a_step(&small, &spread), (2, 1));
        // One row of so many lookups has partial sums, and a dispatch that uses them beside that of short runs.
        assert_eq!(dispatches_of_a_step(&small, &[5; 64]), (2, 1));
        assert_eq!(dispatches_of_a_step(&small, &[5; 65]), (4, 1));
        assert_eq!(dispatches_of_a_step(&small, &[5; 8_192]), (5, 1));
        assert_eq!(dispatches_of_a_step(&small, &[5; 262_144]), (5, 1));
        let split = small.clone().with_max_shard_bytes(1 << 20);
        assert_eq!(dispatches_of_a_step(&split, &spread), (6, 3));
        // Shards that the batch has no rows of cost nothing.
        assert_eq!(dispatches_of_a_step(&split, &[9_999; 10]), (2, 3));
    }
}
