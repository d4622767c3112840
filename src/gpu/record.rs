//! What each call records: checks first, then every dispatch prepared, then the encoder touched.

use super::batch::{GpuLookups, SortedRuns};
use super::device::{Dispatch, Gpu};
use super::kernels::adam::AdamStep;
use super::kernels::row_gradient::Target;
use super::kernels::{adam_dense, adam_lazy, gather, index_check, row_gradient, scatter_add};
use super::layout::QUAD_BYTES;
use super::region::{BufferRegion, check_binding_size};
use super::table::GpuTable;
use crate::error::{Error, Result};
use crate::optimizer::Update;

/// A batch's gradient, for the calls that sum it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchGradient<'a> {
    pub runs: &'a SortedRuns,
    /// Lookups in the batch, the gradient's rows; more than are sorted where some do not train.
    pub lookup_count: u32,
    /// `[lookup_count, output_dim]`.
    pub region: BufferRegion<'a>,
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
        let mut dispatches = Vec::new();
        if check {
            dispatches.push(index_check::dispatch(gpu, self, lookups)?);
        }
        dispatches.extend(gather::dispatches(gpu, self, lookups, output)?);
        gpu.record(encoder, "embedding lookup", &dispatches, |_| ())
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
            gpu.record(encoder, "embedding index check", &[dispatch], |_| ())?;
        }
        Ok(())
    }

    /// Records one update: the scatter-add, then Adam.
    pub(crate) fn record_update(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        gradient: BatchGradient<'_>,
        step: &AdamStep,
    ) -> Result<()> {
        let kind = self.optimizer.ok_or(Error::Frozen)?;
        let (mut dispatches, sums) = self.scatter_add(gpu, gradient)?;
        let adam = match kind.update {
            Update::Dense => adam_dense::dispatches,
            Update::Lazy => adam_lazy::dispatches,
        };
        dispatches.extend(adam(gpu, self, gradient.runs, sums.binding(), kind.amsgrad)?);
        // The step's scalars travel with the encoder, not with the queue: of two updates recorded before one submit
        // each computes with its own.
        let scalars = gpu.allocate_with("step scalars", bytemuck::bytes_of(step), wgpu::BufferUsages::COPY_SRC)?;
        gpu.record(encoder, "embedding update", &dispatches, |encoder| {
            encoder.copy_buffer_to_buffer(&scalars, 0, &self.step, 0, scalars.size());
        })
    }

    /// Records the summed gradient of each run, `[run_count, output_dim]`.
    pub(crate) fn record_row_gradient(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        gradient: BatchGradient<'_>,
        output: BufferRegion<'_>,
    ) -> Result<()> {
        let (mut dispatches, sums) = self.scatter_add(gpu, gradient)?;
        let runs = gradient.runs;
        if runs.run_count > 0 {
            let bytes = u64::from(runs.run_count) * self.layout.dense_row_bytes();
            let output = output.bind("the row gradient", bytes, &gpu.limits)?;
            let whole = &runs.whole;
            dispatches.push(row_gradient::dispatch(
                gpu,
                self.layout,
                runs,
                whole,
                sums.binding(),
                output,
                Target::Compact,
            )?);
        }
        gpu.record(encoder, "embedding row gradient", &dispatches, |_| ())
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
        let (sum_dispatches, sums) = self.scatter_add(gpu, gradient)?;
        let runs = gradient.runs;
        let mut dispatches = Vec::new();
        for (shard, of_shard) in self.shards.iter().zip(&runs.shards) {
            let offset = output.offset + u64::from(shard.rows.start) * self.layout.dense_row_bytes();
            let size = u64::from(shard.rows.end - shard.rows.start) * self.layout.dense_row_bytes();
            let region = BufferRegion { buffer: output.buffer, offset, size };
            let binding = region.bind(what, size, &gpu.limits)?;
            if of_shard.0 > 0 {
                let sums = sums.binding();
                dispatches.push(row_gradient::dispatch(
                    gpu,
                    self.layout,
                    runs,
                    of_shard,
                    sums,
                    binding,
                    Target::Dense,
                )?);
            }
        }
        gpu.record(encoder, "embedding scatter-add", &sum_dispatches, |_| ())?;
        gpu.record(encoder, "embedding dense gradient", &dispatches, |encoder| {
            encoder.clear_buffer(output.buffer, output.offset, Some(bytes));
        })
    }

    /// Prepares the sums of each run's gradient, and the buffer that they will be in.
    fn scatter_add(&self, gpu: &Gpu, gradient: BatchGradient<'_>) -> Result<(Vec<Dispatch>, Sums)> {
        let BatchGradient { runs, lookup_count, region } = gradient;
        let bytes = (u64::from(runs.sum_count) * self.layout.row_bytes()).max(QUAD_BYTES);
        check_binding_size("the batch's summed gradient", bytes, &gpu.limits)?;
        // A batch of no lookups has no gradient to bind, and any region will do.
        let gradient = match u64::from(lookup_count) * self.layout.dense_row_bytes() {
            0 => None,
            bytes => Some(region.bind("the gradient", bytes, &gpu.limits)?),
        };
        let sums = Sums { buffer: self.sums.at_least(gpu, bytes)?, bytes };
        let dispatches = match gradient {
            None => Vec::new(),
            Some(gradient) => scatter_add::dispatches(gpu, self.layout, runs, gradient, sums.binding())?,
        };
        Ok((dispatches, sums))
    }
}

/// The part of the scratch buffer that a batch's sums take: the whole of it may exceed a binding.
struct Sums {
    buffer: wgpu::Buffer,
    bytes: u64,
}

impl Sums {
    fn binding(&self) -> wgpu::BufferBinding<'_> {
        wgpu::BufferBinding { buffer: &self.buffer, offset: 0, size: wgpu::BufferSize::new(self.bytes) }
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
