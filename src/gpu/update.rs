//! One step of the optimizer.

use super::batch::SortedRuns;
use super::device::{Dispatch, Gpu};
use super::gradient::{BatchGradient, Sums};
use super::history::{Dropped, StepData};
use super::kernels::adam::AdamStep;
use super::kernels::gradient_scale::Limit;
use super::kernels::{PARTIAL_SUMS, adam_deferred, adam_dense, adam_lazy, flush};
use super::region::BufferRegion;
use super::table::{GpuTable, UpdateKind};
use crate::error::{Error, Result};
use crate::optimizer::{Adam, Clipping, History};

/// What a summed gradient is multiplied by, beside what [`Adam`]'s own clipping does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum GradientScale<'a> {
    None,
    Host(f32),
    /// One f32.
    Gpu(BufferRegion<'a>),
}

/// What the kernels of one update take.
#[derive(Clone, Copy)]
pub(crate) struct Update<'a> {
    pub table: &'a GpuTable,
    pub runs: &'a SortedRuns,
    /// Bind group 1.
    pub plan: &'a wgpu::BindGroup,
    /// Bind group 2 of kernels that read the gradient alone.
    pub gradient: &'a wgpu::BindGroup,
    sums: &'a Sums<'a>,
    clipped: bool,
}

impl Update<'_> {
    /// The constants of the Adam kernels after DIM, QUADS and THREADS.
    pub(crate) fn constants(&self) -> Vec<f64> {
        let flags = [self.table.amsgrad, self.clipped].map(|flag| f64::from(u8::from(flag)));
        let deferred = self.table.deferred().map(|deferred| deferred.constants());
        flags.into_iter().chain(deferred.into_iter().flatten()).collect()
    }

    /// Bind group 2 of kernels that read the partial sums alone.
    pub(crate) fn partial_sums(&self, gpu: &Gpu) -> Result<wgpu::BindGroup> {
        gpu.bind("partial sums", PARTIAL_SUMS, &[self.sums.partial()])
    }

    /// The bindings of kernels that read both.
    pub(crate) fn gradient_and_partial_sums(&self) -> [wgpu::BufferBinding<'_>; 2] {
        [self.sums.gradient(), self.sums.partial()]
    }
}

impl GpuTable {
    /// Records one update: the sort where the GPU sorts, the sums of long runs, then Adam; with deferred Adam also the
    /// rows that are due to be caught up.
    pub(crate) fn record_update(
        &mut self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        gradient: BatchGradient<'_>,
        scale: GradientScale<'_>,
        (adam, step): (&Adam, u64),
    ) -> Result<()> {
        let dropped = self.deferred().and_then(|deferred| deferred.deliveries.take_dropped());
        let recorded = self.record_step(gpu, encoder, gradient, scale, (adam, step), dropped);
        if let (Err(_), Some(dropped), Some(deferred)) = (&recorded, dropped, self.deferred()) {
            deferred.deliveries.put_dropped(dropped);
        }
        if let (Some(history), Some(UpdateKind::Deferred(deferred))) = (recorded?, &mut self.update) {
            deferred.history = history;
        }
        Ok(())
    }

    /// Gives the history after the step.
    fn record_step(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        gradient: BatchGradient<'_>,
        scale: GradientScale<'_>,
        (adam, step): (&Adam, u64),
        dropped: Option<Dropped>,
    ) -> Result<Option<History>> {
        let dispatches = self.update_dispatches(gpu, gradient, scale, adam, dropped)?;
        // A step's scalars, and what it leaves in the history, travel with the encoder, not with the queue: of two
        // updates recorded before one submit each computes with its own.
        let (factor, source) = match scale {
            GradientScale::None => (1.0, None),
            GradientScale::Host(factor) => (factor, None),
            GradientScale::Gpu(region) => (1.0, Some(check_scale(gpu, region, &self.step)?)),
        };
        let scalars = AdamStep::new(adam, step, factor);
        let data = StepData::new(gpu, adam, &scalars, self.deferred(), dropped)?;
        let before = |encoder: &mut wgpu::CommandEncoder| {
            data.record_before(encoder, &self.step);
            if let Some(BufferRegion { buffer, offset, .. }) = source {
                encoder.copy_buffer_to_buffer(buffer, offset, &self.step, u64::from(AdamStep::GRADIENT_SCALE) * 4, 4);
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
        adam: &Adam,
        dropped: Option<Dropped>,
    ) -> Result<Vec<Dispatch>> {
        let kind = self.update.as_ref().ok_or(Error::Frozen)?;
        let mut dispatches = Vec::new();
        if let Some(deferred) = self.deferred() {
            let history = &deferred.history;
            if let Some(dropped) = dropped {
                deferred.check_dropped(dropped)?;
            }
            let since = dropped.map_or(history.now() + 1, |dropped| dropped.first);
            for rows in history.due(since) {
                dispatches.extend(flush::dispatches(gpu, self, deferred, rows)?);
            }
        }
        let sums = self.sums(gpu, gradient)?;
        dispatches.extend(sums.dispatches(gpu)?);
        let update = Update {
            table: self,
            runs: gradient.runs,
            plan: gradient.runs.group(gpu)?,
            gradient: &sums.group,
            sums: &sums,
            clipped: adam.clipping.is_some() || !matches!(scale, GradientScale::None),
        };
        let limit = match adam.clipping {
            Some(Clipping::Norm(limit)) => Some((limit as f32, 0.0)),
            Some(Clipping::NormPyTorch(limit)) => Some((limit as f32, 1e-6)),
            Some(Clipping::Value(_)) | None => None,
        };
        if let Some((limit, epsilon)) = limit {
            if !matches!(scale, GradientScale::None) {
                return Err(scaled_twice());
            }
            let limit = Limit { square_count: 0, place: AdamStep::GRADIENT_SCALE, limit, epsilon };
            dispatches.extend(sums.norm(gpu, limit, self.step.as_entire_buffer_binding())?);
        }
        dispatches.extend(match kind {
            UpdateKind::Dense => adam_dense::dispatches(gpu, &update)?,
            UpdateKind::Lazy => adam_lazy::dispatches(gpu, &update)?,
            UpdateKind::Deferred(_) => adam_deferred::dispatches(gpu, &update)?,
        });
        Ok(dispatches)
    }
}

/// Checks the buffer of a caller's factor, which is copied.
fn check_scale<'a>(gpu: &Gpu, region: BufferRegion<'a>, target: &wgpu::Buffer) -> Result<BufferRegion<'a>> {
    let what = "the gradient's scale";
    let (required, given) = (wgpu::BufferUsages::COPY_SRC, region.buffer.usage());
    if !given.contains(required) {
        return Err(Error::BufferUsage { what, required, given });
    }
    let alignment = wgpu::COPY_BUFFER_ALIGNMENT as u32;
    if !region.offset.is_multiple_of(alignment.into()) {
        return Err(Error::BufferAlignment { what, offset: region.offset, alignment });
    }
    if region.size < 4 {
        return Err(Error::BufferTooSmall { what, required: 4, given: region.size });
    }
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
    use crate::gpu::kernels::gather_deferred;
    use crate::gpu::plan::SortPlan;
    use crate::{EmbeddingConfig, GpuContext};

    /// Dispatches of a training step, lookup and update, and shards.
    fn dispatches_of_a_step(config: &EmbeddingConfig, indices: &[u32]) -> (usize, usize) {
        let context = GpuContext::gpu().unwrap();
        let gpu = context.inner().unwrap();
        let layout = TableLayout::new(config, &gpu.limits).unwrap();
        let table = GpuTable::new(gpu, layout, Some(&Adam::default())).unwrap();
        let plan = SortPlan::new(indices, &layout, |_| true).unwrap();
        let (lookups, runs) = upload(gpu, &Arc::default(), &layout, indices, &plan).unwrap();
        let buffer = gpu.allocate("test", indices.len() as u64 * 256, wgpu::BufferUsages::STORAGE).unwrap();
        let gradient = BatchGradient { runs: &runs, region: (&buffer).into() };
        let update = table.update_dispatches(gpu, gradient, GradientScale::None, &Adam::default(), None).unwrap();
        let whole = buffer.as_entire_buffer_binding();
        let lookup = gather_deferred::dispatches(gpu, &table, table.deferred().unwrap(), &lookups, whole).unwrap();
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
