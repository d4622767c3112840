//! What each call records: checks first, then every dispatch prepared, then the encoder touched.

use super::batch::{GpuLookups, SortedRuns};
use super::device::{Dispatch, Gpu};
use super::history::StepData;
use super::kernels::adam::AdamStep;
use super::kernels::gradient_scale::Limit;
use super::kernels::scatter_add::Target;
use super::kernels::{
    GRADIENT_SCALAR, GRADIENT_VEC4, PARTIAL_SUMS, adam_deferred, adam_dense, adam_lazy, flush, gather,
    gather_deferred, gradient_norm, gradient_scale, index_check, partial_sums, scatter_add,
};
use super::layout::QUAD_BYTES;
use super::plan::partial_slots;
use super::region::{BufferRegion, check_binding_size};
use super::table::{GpuTable, UpdateKind};
use crate::error::{Error, Result};
use crate::optimizer::{Adam, Clipping};

/// A batch's gradient, for the calls that sum it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchGradient<'a> {
    pub runs: &'a SortedRuns,
    /// `[lookup_count, output_dim]`.
    pub region: BufferRegion<'a>,
}

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
    /// Records `output[i, :] = table[indices[i], :]`, and before it, if asked, the index check.
    pub(crate) fn record_lookup(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        lookups: &GpuLookups,
        check: bool,
        output: BufferRegion<'_>,
    ) -> Result<()> {
        if lookups.count == 0 {
            return Ok(());
        }
        let what = "the lookup's output";
        let bytes = u64::from(lookups.count) * self.layout.dense_row_bytes();
        let output = output.bind(what, bytes, &gpu.limits)?;
        check_other_buffer(what, output.buffer, "its indices", lookups.indices.region().buffer)?;
        self.check_not_the_table(what, output.buffer)?;
        let mut dispatches = Vec::new();
        if check {
            dispatches.push(index_check::dispatch(gpu, self, lookups)?);
        }
        dispatches.extend(match self.deferred() {
            None => gather::dispatches(gpu, self, lookups, output)?,
            Some(deferred) => gather_deferred::dispatches(gpu, self, deferred, lookups, output)?,
        });
        gpu.record(encoder, "embedding lookup", &dispatches, |_| (), |_| ())
    }

    /// Records the index check by itself.
    pub(crate) fn record_check(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        lookups: &GpuLookups,
    ) -> Result<()> {
        if lookups.count > 0 {
            let dispatch = index_check::dispatch(gpu, self, lookups)?;
            gpu.record(encoder, "embedding index check", &[dispatch], |_| (), |_| ())?;
        }
        Ok(())
    }

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
        let kind = self.update.as_ref().ok_or(Error::Frozen)?;
        let mut dispatches = match self.deferred() {
            Some(deferred) => flush::dispatches(gpu, self, deferred, deferred.history.due())?,
            None => Vec::new(),
        };
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
        // A step's scalars, and what it leaves in the history, travel with the encoder, not with the queue: of two
        // updates recorded before one submit each computes with its own.
        let (factor, source) = match scale {
            GradientScale::None => (1.0, None),
            GradientScale::Host(factor) => (factor, None),
            GradientScale::Gpu(region) => (1.0, Some(check_scale(region)?)),
        };
        let data = StepData::new(gpu, adam, &AdamStep::new(adam, step, factor), self.deferred())?;
        let before = |encoder: &mut wgpu::CommandEncoder| {
            data.copy_scalars(encoder, &self.step);
            if let Some(BufferRegion { buffer, offset, .. }) = source {
                encoder.copy_buffer_to_buffer(buffer, offset, &self.step, u64::from(AdamStep::GRADIENT_SCALE) * 4, 4);
            }
        };
        gpu.record(encoder, "embedding update", &dispatches, before, |encoder| data.copy_history(encoder))?;
        let history = data.history;
        if let (Some(UpdateKind::Deferred(deferred)), Some(history)) = (&mut self.update, history) {
            deferred.history = history;
        }
        Ok(())
    }

    /// Records the Euclidean norm of the summed gradient into one f32.
    pub(crate) fn record_gradient_norm(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        gradient: BatchGradient<'_>,
        output: BufferRegion<'_>,
    ) -> Result<()> {
        let what = "the gradient's norm";
        let output = output.bind(what, 4, &gpu.limits)?;
        check_other_buffer(what, output.buffer, "the gradient", gradient.region.buffer)?;
        let sums = self.sums(gpu, gradient)?;
        let mut dispatches = sums.dispatches(gpu)?;
        dispatches.extend(sums.norm(gpu, Limit { square_count: 0, place: 0, limit: 0.0, epsilon: 0.0 }, output)?);
        gpu.record(encoder, "embedding gradient norm", &dispatches, |_| (), |_| ())
    }

    /// Records what brings all rows up to date.
    pub(crate) fn record_flush(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder) -> Result<()> {
        let Some(deferred) = self.deferred() else { return Ok(()) };
        let dispatches = flush::dispatches(gpu, self, deferred, 0..self.layout.input_dim)?;
        gpu.record(encoder, "embedding flush", &dispatches, |_| (), |_| ())
    }

    /// Brings all rows up to date, in submissions of bounded length.
    pub(crate) fn flush(&self, gpu: &Gpu) -> Result<()> {
        let Some(deferred) = self.deferred() else { return Ok(()) };
        for dispatch in flush::dispatches(gpu, self, deferred, 0..self.layout.input_dim)? {
            let mut encoder = gpu.encoder("embedding flush");
            gpu.record(&mut encoder, "embedding flush", &[dispatch], |_| (), |_| ())?;
            gpu.submit(encoder)?;
        }
        Ok(())
    }

    /// Records the summed gradient of each run, `[run_count, output_dim]`.
    pub(crate) fn record_row_gradient(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        gradient: BatchGradient<'_>,
        output: BufferRegion<'_>,
    ) -> Result<()> {
        let sums = self.sums(gpu, gradient)?;
        let mut dispatches = sums.dispatches(gpu)?;
        let runs = gradient.runs;
        if runs.run_count > 0 {
            let what = "the row gradient";
            let bytes = u64::from(runs.run_count) * self.layout.dense_row_bytes();
            let output = output.bind(what, bytes, &gpu.limits)?;
            check_other_buffer(what, output.buffer, "the gradient", gradient.region.buffer)?;
            let bindings = [sums.gradient(), output, sums.partial()];
            dispatches.push(scatter_add::dispatch(
                gpu,
                &self.mapping,
                (Target::Compact, runs.run_count),
                self.shards[0].uniform.as_entire_buffer_binding(),
                runs.group(gpu)?,
                bindings,
            )?);
        }
        gpu.record(encoder, "embedding row gradient", &dispatches, |_| (), |_| ())
    }

    /// Records the summed gradient as a table, `[input_dim, output_dim]`, zeros where the batch has no row.
    pub(crate) fn record_dense_gradient(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        gradient: BatchGradient<'_>,
        output: BufferRegion<'_>,
    ) -> Result<()> {
        let what = "the dense gradient";
        let bytes = u64::from(self.layout.input_dim) * self.layout.dense_row_bytes();
        if output.size < bytes {
            return Err(Error::BufferTooSmall { what, required: bytes, given: output.size });
        }
        let usage = output.buffer.usage();
        if !usage.contains(wgpu::BufferUsages::COPY_DST) {
            let required = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
            return Err(Error::BufferUsage { what, required, given: usage });
        }
        check_other_buffer(what, output.buffer, "the gradient", gradient.region.buffer)?;
        let sums = self.sums(gpu, gradient)?;
        let mut dispatches = sums.dispatches(gpu)?;
        for (shard, of_shard) in self.shards.iter().zip(&gradient.runs.shards) {
            let offset = output.offset + u64::from(shard.rows.start) * self.layout.dense_row_bytes();
            let size = u64::from(shard.rows.end - shard.rows.start) * self.layout.dense_row_bytes();
            let region = BufferRegion { buffer: output.buffer, offset, size };
            let binding = region.bind(what, size, &gpu.limits)?;
            if of_shard.run_count > 0 {
                let bindings = [sums.gradient(), binding, sums.partial()];
                dispatches.push(scatter_add::dispatch(
                    gpu,
                    &self.mapping,
                    (Target::Dense, of_shard.run_count),
                    shard.uniform.as_entire_buffer_binding(),
                    gradient.runs.group(gpu)?,
                    bindings,
                )?);
            }
        }
        let clear =
            |encoder: &mut wgpu::CommandEncoder| encoder.clear_buffer(output.buffer, output.offset, Some(bytes));
        gpu.record(encoder, "embedding dense gradient", &dispatches, clear, |_| ())
    }

    /// Weights are handed out, and may not come back as what a call reads or writes beside them.
    fn check_not_the_table(&self, what: &'static str, buffer: &wgpu::Buffer) -> Result<()> {
        self.shards
            .iter()
            .try_for_each(|shard| check_other_buffer(what, buffer, "the table's weights", &shard.weights))
    }

    /// Checks a gradient, and finds room for its partial sums.
    fn sums<'a>(&'a self, gpu: &Gpu, gradient: BatchGradient<'a>) -> Result<Sums<'a>> {
        let BatchGradient { runs, region } = gradient;
        let levels = runs.levels();
        let bytes = (partial_slots(runs.lookup_count, levels) * self.layout.row_bytes()).max(QUAD_BYTES);
        check_binding_size("the batch's partial sums", bytes, &gpu.limits)?;
        let partial = self.partial_sums.at_least(gpu, bytes)?;
        let bindings = if self.layout.output_dim.is_multiple_of(4) { GRADIENT_VEC4 } else { GRADIENT_SCALAR };
        // A batch of no lookups has no gradient to bind, and any region will do; something must be bound all the same.
        let (gradient, group) = match u64::from(runs.lookup_count) * self.layout.dense_row_bytes() {
            0 => (None, gpu.bind("the gradient", bindings, &[partial.as_entire_buffer_binding()])?),
            bytes => {
                let binding = region.bind("the gradient", bytes, &gpu.limits)?;
                self.check_not_the_table("the gradient", region.buffer)?;
                (Some(binding.clone()), gpu.bind("the gradient", bindings, &[binding])?)
            }
        };
        Ok(Sums { table: self, runs, gradient, group, levels, partial, bytes })
    }
}

/// A batch's gradient on its way to the sums of its runs.
struct Sums<'a> {
    table: &'a GpuTable,
    runs: &'a SortedRuns,
    /// `None` for a batch of no lookups.
    gradient: Option<wgpu::BufferBinding<'a>>,
    /// Bind group 2 with the gradient alone.
    group: wgpu::BindGroup,
    levels: u32,
    partial: wgpu::Buffer,
    /// The part of the scratch buffer that is used: the whole of it may exceed a binding.
    bytes: u64,
}

impl Sums<'_> {
    fn gradient(&self) -> wgpu::BufferBinding<'_> {
        self.gradient.clone().unwrap_or_else(|| self.partial())
    }

    fn partial(&self) -> wgpu::BufferBinding<'_> {
        wgpu::BufferBinding { buffer: &self.partial, offset: 0, size: wgpu::BufferSize::new(self.bytes) }
    }

    /// The norm of the summed gradient, or what clips it, into `result`; `limit` says all but the number of squares.
    fn norm(&self, gpu: &Gpu, limit: Limit, result: wgpu::BufferBinding<'_>) -> Result<[Dispatch; 2]> {
        let mapping = &self.table.summing;
        // One at least, so that a batch without runs has the norm 0.
        let workgroups = mapping.workgroups(self.runs.run_count).max(1);
        let squares = self.table.squares.at_least(gpu, workgroups * 4)?;
        let squares =
            wgpu::BufferBinding { buffer: &squares, offset: 0, size: wgpu::BufferSize::new(workgroups * 4) };
        let call = [self.gradient(), self.partial()];
        let plan = self.runs.group(gpu)?;
        Ok([
            gradient_norm::dispatch(gpu, mapping, self.runs.run_count.max(1), plan, &call, squares.clone())?,
            gradient_scale::dispatch(gpu, Limit { square_count: workgroups as u32, ..limit }, squares, result)?,
        ])
    }

    /// What must run before the kernels that sum whole runs: the sort, where the GPU sorts, and the partial sums.
    fn dispatches(&self, gpu: &Gpu) -> Result<Vec<Dispatch>> {
        let mut dispatches = self.runs.sort.clone();
        dispatches.extend(partial_sums::dispatches(
            gpu,
            &self.table.summing,
            (self.runs.lookup_count, self.levels),
            self.runs.group(gpu)?,
            &self.group,
            self.partial(),
        )?);
        Ok(dispatches)
    }
}

/// One dispatch may not read and write one buffer through two bindings, nor a clear wipe what is still to be read.
fn check_other_buffer(what: &'static str, this: &wgpu::Buffer, other: &str, that: &wgpu::Buffer) -> Result<()> {
    if this != that {
        return Ok(());
    }
    Err(Error::Shape {
        what,
        required: format!("in another buffer than {other}"),
        given: "in the same one".to_owned(),
    })
}

/// Checks the buffer of a caller's factor, which is copied.
fn check_scale(region: BufferRegion<'_>) -> Result<BufferRegion<'_>> {
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
    Ok(region)
}

/// Of a caller's factor beside clipping by the norm.
pub(crate) fn scaled_twice() -> Error {
    let message = "a gradient is scaled by its norm or by the caller's factor, not by both; make the table without \
                   clipping by the norm";
    Error::InvalidConfig(message.to_owned())
}
