//! The summed gradient: on its way to an update, handed out by itself, and its norm.

use super::batch::{GpuLookups, SortedRuns};
use super::device::{Dispatch, Gpu, constant};
use super::kernels::gradient_scale::Limit;
use super::kernels::inputs::CHUNK;
use super::kernels::{gradient_norm, gradient_scale, parts, scatter_add};
use super::layout::QUAD_BYTES;
use super::mapping::RowMapping;
use super::plan::partial_slots;
use super::record::check_other_buffer;
use super::region::{BufferRegion, check_binding_size};
use super::table::{GpuTable, Shard};
use super::table_kernels::TableKernel;
use crate::error::Result;

/// A batch's gradient, for the calls that sum it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchGradient<'a> {
    pub runs: &'a SortedRuns,
    /// `[lookup_count, output_dim]`.
    pub region: BufferRegion<'a>,
    /// Its lookups, where they are on the GPU and nobody has checked them: each call does.
    pub unchecked: Option<&'a GpuLookups>,
}

impl GpuTable {
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
        self.check_output(what, output.buffer, gradient)?;
        let sums = self.sums(gpu, gradient)?;
        let mut dispatches = sums.dispatches(gpu)?;
        dispatches.extend(sums.norm(gpu, Limit { square_count: 0, entry: 0, limit: 0.0, epsilon: 0.0 }, output)?);
        dispatches.extend(self.unchecked_dispatch(gpu, gradient.unchecked)?);
        gpu.record(encoder, "embedding gradient norm", &dispatches, |_| (), |_| ())
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
            self.check_output(what, output.buffer, gradient)?;
            dispatches.push(sums.dispatch(gpu, &self.mapping, Target::Compact(output), runs.run_count)?);
        }
        dispatches.extend(self.unchecked_dispatch(gpu, gradient.unchecked)?);
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
        // Each shard's part is bound, after all is cleared.
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        output.check(what, usage, gpu.limits.min_storage_buffer_offset_alignment, bytes)?;
        self.check_output(what, output.buffer, gradient)?;
        let sums = self.sums(gpu, gradient)?;
        let mut dispatches = sums.dispatches(gpu)?;
        for (shard, of_shard) in self.shards.iter().zip(&gradient.runs.shards) {
            let offset = output.offset + u64::from(shard.rows.start) * self.layout.dense_row_bytes();
            let size = u64::from(shard.rows.end - shard.rows.start) * self.layout.dense_row_bytes();
            let region = BufferRegion::new(output.buffer, offset, size);
            let binding = region.bind(what, size, &gpu.limits)?;
            if of_shard.run_count > 0 {
                let target = Target::Dense(shard, binding);
                dispatches.push(sums.dispatch(gpu, &self.mapping, target, of_shard.run_count)?);
            }
        }
        dispatches.extend(self.unchecked_dispatch(gpu, gradient.unchecked)?);
        let clear =
            |encoder: &mut wgpu::CommandEncoder| encoder.clear_buffer(output.buffer, output.offset, Some(bytes));
        gpu.record(encoder, "embedding dense gradient", &dispatches, clear, |_| ())
    }

    /// An output may be none of the buffers that the call reads.
    fn check_output(&self, what: &'static str, output: &wgpu::Buffer, gradient: BatchGradient<'_>) -> Result<()> {
        check_other_buffer(what, output, "the gradient", gradient.region.buffer)?;
        for read in gradient.runs.buffers() {
            check_other_buffer(what, output, "the batch's indices", read)?;
        }
        self.check_not_the_table(what, output)
    }

    /// Checks a gradient, and finds room for its partial sums.
    pub(super) fn sums<'a>(&'a self, gpu: &Gpu, gradient: BatchGradient<'a>) -> Result<Sums<'a>> {
        let BatchGradient { runs, region, .. } = gradient;
        let levels = runs.levels();
        let bytes = (partial_slots(runs.lookup_count, levels) * self.layout.row_bytes()).max(QUAD_BYTES);
        check_binding_size("the batch's partial sums", bytes, &gpu.limits)?;
        let partial = self.partial_sums.at_least(gpu, bytes)?;
        let (what, bound) = ("the gradient", &parts::gradient(self.mapping.width()).bindings[0]);
        // A batch of no lookups has no gradient to bind, and any region will do; something must be bound all the same.
        let (gradient, group) = match u64::from(runs.lookup_count) * self.layout.dense_row_bytes() {
            0 => {
                let binding = partial.as_entire_buffer_binding();
                (None, gpu.bind_group(what, &[bound], &[(bound.name, binding)])?)
            }
            bytes => {
                let binding = region.bind(what, bytes, &gpu.limits)?;
                self.check_not_the_table(what, region.buffer)?;
                (Some(binding.clone()), region.group(gpu, what, bound, binding)?)
            }
        };
        Ok(Sums { table: self, runs, gradient, group, levels, partial, bytes })
    }
}

/// Where the sums of runs go.
pub(super) enum Target<'a> {
    /// One row a run, of all runs.
    Compact(wgpu::BufferBinding<'a>),
    /// The rows of a shard.
    Dense(&'a Shard, wgpu::BufferBinding<'a>),
}

/// A batch's gradient on its way to the sums of its runs.
pub(super) struct Sums<'a> {
    table: &'a GpuTable,
    runs: &'a SortedRuns,
    /// `None` for a batch of no lookups.
    gradient: Option<wgpu::BufferBinding<'a>>,
    /// Bind group 2 with the gradient alone.
    pub group: wgpu::BindGroup,
    levels: u32,
    partial: wgpu::Buffer,
    /// The part of the scratch buffer that is used: the whole of it may exceed a binding.
    bytes: u64,
}

impl Sums<'_> {
    pub(super) fn gradient(&self) -> wgpu::BufferBinding<'_> {
        self.gradient.clone().unwrap_or_else(|| self.partial())
    }

    pub(super) fn partial(&self) -> wgpu::BufferBinding<'_> {
        wgpu::BufferBinding { buffer: &self.partial, offset: 0, size: wgpu::BufferSize::new(self.bytes) }
    }

    /// The norm of the summed gradient, or what clips it, into `result`; `limit` says all but the number of squares.
    pub(super) fn norm(&self, gpu: &Gpu, limit: Limit, result: wgpu::BufferBinding<'_>) -> Result<[Dispatch; 2]> {
        let mapping = &self.table.summing;
        // One at least, so that a batch without runs has the norm 0.
        let chunks = self.runs.run_count.div_ceil(CHUNK).max(1);
        let bytes = u64::from(chunks) * 4;
        let squares = self.table.squares.at_least(gpu, bytes)?;
        let squares = wgpu::BufferBinding { buffer: &squares, offset: 0, size: wgpu::BufferSize::new(bytes) };
        let pipeline = mapping.pipeline(gpu, &gradient_norm::kernel(mapping.width()), &[])?;
        let own = gpu.bind(&pipeline, 0, &[("squares", squares.clone())])?;
        let call = [("gradient", self.gradient()), ("partial_sums", self.partial())];
        let groups = [Some(&own), Some(self.runs.group(gpu)?), Some(&gpu.bind(&pipeline, 2, &call)?)];
        Ok([
            gpu.dispatch(&pipeline, groups, mapping.workgroups_of_chunks(chunks))?,
            gradient_scale::dispatch(gpu, Limit { square_count: chunks, ..limit }, squares, result)?,
        ])
    }

    /// The sums of `run_count` runs at most, at least one.
    pub(super) fn dispatch(
        &self,
        gpu: &Gpu,
        mapping: &RowMapping,
        target: Target<'_>,
        run_count: u32,
    ) -> Result<Dispatch> {
        let (is_dense, shard, output) = match target {
            Target::Compact(output) => (false, &self.table.shards[0], output),
            Target::Dense(shard, output) => (true, shard, output),
        };
        let constants = [constant("DENSE", is_dense.into())];
        let pipeline = mapping.pipeline(gpu, &scatter_add::kernel(mapping.width()), &constants)?;
        let shard = self.table.group(gpu, shard, &pipeline)?;
        let call = [("gradient", self.gradient()), ("output", output), ("partial_sums", self.partial())];
        let groups = [Some(&shard), Some(self.runs.group(gpu)?), Some(&gpu.bind(&pipeline, 2, &call)?)];
        gpu.dispatch(&pipeline, groups, mapping.workgroups(run_count))
    }

    /// What must run before the kernels that sum whole runs: the sort, where the GPU sorts, and the partial sums.
    pub(super) fn dispatches(&self, gpu: &Gpu) -> Result<Vec<Dispatch>> {
        let mut dispatches = self.runs.sort.clone();
        let (mapping, lookup_count) = (&self.table.summing, self.runs.lookup_count);
        for level in 0..self.levels {
            let pipeline = self.table.pipeline(gpu, TableKernel::PartialSums { level })?;
            let sums = gpu.bind(&pipeline, 0, &[("sums", self.partial())])?;
            let slots = partial_slots(lookup_count, level + 1) - partial_slots(lookup_count, level);
            let groups = [Some(&sums), Some(self.runs.group(gpu)?), Some(&self.group)];
            dispatches.push(gpu.dispatch(&pipeline, groups, mapping.workgroups(slots as u32))?);
        }
        Ok(dispatches)
    }
}
