//! The table on the GPU: shards of weights and moments, and the dispatches of each call.

use std::ops::Range;

use super::batch::{GpuLookups, SortedRuns};
use super::device::{Dispatch, Gpu, record};
use super::kernels::adam::AdamStep;
use super::kernels::{self, Kernel, index_check};
use super::layout::{QUAD_BYTES, TableLayout};
use super::readback::{PIECE_BYTES, Waiting};
use super::region::{BufferRegion, check_binding_size};
use super::report::IndexReport;
use super::scratch::Scratch;
use crate::error::{Error, Result};
use crate::memory::check_room_for;
use crate::optimizer::{Adam, Update};
use crate::tensor::extend_from_le_bytes;

const TABLE_USAGE: wgpu::BufferUsages =
    wgpu::BufferUsages::STORAGE.union(wgpu::BufferUsages::COPY_SRC).union(wgpu::BufferUsages::COPY_DST);

/// Quads of a row that one thread copies or updates, at most. On a GPU neighbouring threads then read neighbouring
/// quads, and an index is read once in four quads. A software adapter runs eight threads in the lanes of one CPU core:
/// there whole rows a thread keep more cache misses in flight (gather at 64 floats: 9.6 ms with 4, 7.8 ms with 16;
/// lazy update: 4.8 and 4.0 ms).
const MOVED_QUADS_PER_THREAD: u32 = 4;
const MOVED_QUADS_PER_THREAD_ON_A_CPU: u32 = 16;

/// Quads of a row that one thread sums, at most; on every adapter, for few segments must occupy it (scatter-add at 64
/// floats on a software adapter: 14.2 ms with 4, 16.0 ms with 16).
const SUMMED_QUADS_PER_THREAD: u32 = 4;

/// See the module.
#[derive(Debug)]
pub(crate) struct GpuTable {
    pub layout: TableLayout,
    shards: Vec<Shard>,
    /// The update's kind and whether there is a third moment; `None` on a frozen table.
    optimizer: Option<OptimizerKind>,
    /// The scalars of the step that is being computed; each recorded update copies its own in.
    step: wgpu::Buffer,
    pub report: IndexReport,
    /// `input_dim` for the index check.
    table_uniform: wgpu::Buffer,
    sums: Scratch,
    gradient: Scratch,
}

#[derive(Debug, Clone, Copy)]
struct OptimizerKind {
    update: Update,
    amsgrad: bool,
}

#[derive(Debug)]
struct Shard {
    rows: Range<u32>,
    /// A [`kernels::Shard`].
    uniform: wgpu::Buffer,
    weights: wgpu::Buffer,
    moments: Option<Moments>,
}

#[derive(Debug)]
struct Moments {
    first: wgpu::Buffer,
    second: wgpu::Buffer,
    /// One quad that nobody touches, without amsgrad.
    largest: wgpu::Buffer,
}

/// A float array of the table's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Weights,
    FirstMoment,
    SecondMoment,
    LargestMoment,
}

impl GpuTable {
    /// Allocates a table with all numbers zero. `adam` is `None` for a frozen table.
    pub(crate) fn new(gpu: &Gpu, layout: TableLayout, adam: Option<&Adam>) -> Result<Self> {
        let optimizer = adam.map(|adam| OptimizerKind { update: adam.update, amsgrad: adam.amsgrad });
        if gpu.info.device_type == wgpu::DeviceType::Cpu {
            let arrays = optimizer.map_or(1, |kind| if kind.amsgrad { 4 } else { 3 });
            check_room_for(
                "the table and its moments",
                u64::from(layout.input_dim).saturating_mul(layout.row_bytes() * arrays),
            )?;
        }
        let shards = layout
            .shards()
            .map(|rows| {
                let row_count = rows.end - rows.start;
                let bytes = u64::from(row_count) * layout.row_bytes();
                let uniform = kernels::Shard { first_row: rows.start, row_count, input_dim: layout.input_dim };
                let moments = match optimizer {
                    None => None,
                    Some(kind) => Some(Moments {
                        first: gpu.allocate("first_moment", bytes, TABLE_USAGE)?,
                        second: gpu.allocate("second_moment", bytes, TABLE_USAGE)?,
                        largest: gpu.allocate(
                            "largest_moment",
                            if kind.amsgrad { bytes } else { QUAD_BYTES },
                            TABLE_USAGE,
                        )?,
                    }),
                };
                Ok(Shard {
                    rows,
                    uniform: gpu.allocate_with("shard", bytemuck::bytes_of(&uniform), wgpu::BufferUsages::UNIFORM)?,
                    weights: gpu.allocate("weights", bytes, TABLE_USAGE)?,
                    moments,
                })
            })
            .collect::<Result<_>>()?;
        let table_uniform = index_check::Table { input_dim: layout.input_dim };
        let uniform = wgpu::BufferUsages::UNIFORM;
        Ok(Self {
            layout,
            shards,
            optimizer,
            step: gpu.allocate("step", size_of::<AdamStep>() as u64, uniform | wgpu::BufferUsages::COPY_DST)?,
            report: IndexReport::new(gpu, layout.input_dim)?,
            table_uniform: gpu.allocate_with("table", bytemuck::bytes_of(&table_uniform), uniform)?,
            sums: Scratch::new("sums", wgpu::BufferUsages::STORAGE),
            gradient: Scratch::new("gradient", wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST),
        })
    }

    // ---- recorded calls -------------------------------------------------------------------------------------------

    /// Records `output[i, :] = table[indices[i], :]`.
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
        let bytes = u64::from(lookups.count) * self.layout.dense_row_bytes();
        let binding = output.bind("the lookup's output", bytes, &gpu.limits)?;
        if binding.buffer == lookups.indices.region().buffer {
            return Err(Error::Shape {
                what: "the lookup's output",
                required: "in another buffer than its indices".to_owned(),
                given: "in the same one".to_owned(),
            });
        }
        let mut dispatches = Vec::new();
        if check {
            dispatches.push(self.index_check(gpu, lookups)?);
        }
        let threads = self.row_threads(gpu);
        let kernel = self.by_width(&kernels::gather::VEC4, &kernels::gather::SCALAR);
        let pipeline = self.pipeline(gpu, kernel, threads, None)?;
        let workgroups = workgroups(lookups.count, threads);
        for shard in &self.shards {
            let resources = [
                binding.clone(),
                shard.uniform.as_entire_buffer_binding(),
                lookups.uniform.binding(),
                lookups.indices.binding(),
                shard.weights.as_entire_buffer_binding(),
            ];
            dispatches.push(gpu.dispatch(&pipeline, &resources, workgroups)?);
        }
        record(encoder, "embedding lookup", &dispatches);
        Ok(())
    }

    /// Records the index check by itself.
    pub(crate) fn record_check(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        lookups: &GpuLookups,
    ) -> Result<()> {
        if lookups.count > 0 {
            record(encoder, "embedding index check", &[self.index_check(gpu, lookups)?]);
        }
        Ok(())
    }

    /// Records one update: the scatter-add, then Adam. `lookup_count` is the gradient's rows.
    pub(crate) fn record_update(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        runs: &SortedRuns,
        lookup_count: u32,
        gradient: BufferRegion<'_>,
        step: &AdamStep,
    ) -> Result<()> {
        let kind = self.optimizer.ok_or(Error::Frozen)?;
        let (mut dispatches, sums) = self.scatter_add(gpu, runs, lookup_count, gradient)?;
        let kernel = match kind.update {
            Update::Dense => &kernels::adam_dense::KERNEL,
            Update::Lazy => &kernels::adam_lazy::KERNEL,
        };
        let threads = self.row_threads(gpu);
        let pipeline = self.pipeline(gpu, kernel, threads, Some(kind.amsgrad))?;
        for (shard, (run_count, uniform)) in self.shards.iter().zip(&runs.shards) {
            let needed = match kind.update {
                Update::Dense => {
                    let quads = u64::from(shard.rows.end - shard.rows.start) * u64::from(self.layout.quads());
                    quads.div_ceil(kernels::adam_dense::QUADS_PER_WORKGROUP.into())
                }
                Update::Lazy => workgroups(*run_count, threads),
            };
            if needed == 0 {
                continue;
            }
            let moments = shard.moments.as_ref().ok_or(Error::Frozen)?;
            let resources = [
                self.step.as_entire_buffer_binding(),
                shard.weights.as_entire_buffer_binding(),
                moments.first.as_entire_buffer_binding(),
                moments.second.as_entire_buffer_binding(),
                moments.largest.as_entire_buffer_binding(),
                uniform.binding(),
                runs.rows.binding(),
                sums.as_entire_buffer_binding(),
            ];
            dispatches.push(gpu.dispatch(&pipeline, &resources, needed)?);
        }
        // The step's scalars travel with the encoder, not with the queue: of two updates recorded before one submit
        // each computes with its own.
        let scalars = gpu.allocate_with("step scalars", bytemuck::bytes_of(step), wgpu::BufferUsages::COPY_SRC)?;
        encoder.copy_buffer_to_buffer(&scalars, 0, &self.step, 0, scalars.size());
        record(encoder, "embedding update", &dispatches);
        Ok(())
    }

    /// Records the summed gradient of each run, `[run_count, output_dim]`.
    pub(crate) fn record_row_gradient(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        runs: &SortedRuns,
        lookup_count: u32,
        gradient: BufferRegion<'_>,
        output: BufferRegion<'_>,
    ) -> Result<()> {
        let (mut dispatches, sums) = self.scatter_add(gpu, runs, lookup_count, gradient)?;
        let (run_count, uniform) = &runs.whole;
        if *run_count > 0 {
            let bytes = u64::from(*run_count) * self.layout.dense_row_bytes();
            let output = output.bind("the row gradient", bytes, &gpu.limits)?;
            dispatches.push(self.row_gradient(gpu, runs, *run_count, uniform, &sums, output, false)?);
        }
        record(encoder, "embedding row gradient", &dispatches);
        Ok(())
    }

    /// Records the summed gradient as a table, `[input_dim, output_dim]`, zeros where the batch has no row.
    pub(crate) fn record_dense_gradient(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        runs: &SortedRuns,
        lookup_count: u32,
        gradient: BufferRegion<'_>,
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
        if output.buffer == gradient.buffer {
            return Err(Error::Shape {
                what,
                required: "in another buffer than the gradient".to_owned(),
                given: "in the same one".to_owned(),
            });
        }
        let (sum_dispatches, sums) = self.scatter_add(gpu, runs, lookup_count, gradient)?;
        let mut dispatches = Vec::new();
        for (shard, (run_count, uniform)) in self.shards.iter().zip(&runs.shards) {
            let offset = output.offset + u64::from(shard.rows.start) * self.layout.dense_row_bytes();
            let bytes = u64::from(shard.rows.end - shard.rows.start) * self.layout.dense_row_bytes();
            let region = BufferRegion { buffer: output.buffer, offset, size: bytes };
            let binding = region.bind(what, bytes, &gpu.limits)?;
            if *run_count > 0 {
                dispatches.push(self.row_gradient(gpu, runs, *run_count, uniform, &sums, binding, true)?);
            }
        }
        record(encoder, "embedding scatter-add", &sum_dispatches);
        encoder.clear_buffer(output.buffer, output.offset, Some(bytes));
        record(encoder, "embedding dense gradient", &dispatches);
        Ok(())
    }

    // ---- dispatches -----------------------------------------------------------------------------------------------

    fn index_check(&self, gpu: &Gpu, lookups: &GpuLookups) -> Result<Dispatch> {
        let pipeline = gpu.pipeline(&index_check::KERNEL, &[])?;
        let resources = [
            self.table_uniform.as_entire_buffer_binding(),
            lookups.uniform.binding(),
            lookups.indices.binding(),
            self.report.buffer.as_entire_buffer_binding(),
        ];
        gpu.dispatch(&pipeline, &resources, u64::from(lookups.count).div_ceil(kernels::WORKGROUP_SIZE.into()))
    }

    /// Sums each run's gradient; gives the buffer that the sums will be in.
    fn scatter_add(
        &self,
        gpu: &Gpu,
        runs: &SortedRuns,
        lookup_count: u32,
        gradient: BufferRegion<'_>,
    ) -> Result<(Vec<Dispatch>, wgpu::Buffer)> {
        let sum_bytes = (u64::from(runs.sum_count) * self.layout.row_bytes()).max(QUAD_BYTES);
        check_binding_size("the batch's summed gradient", sum_bytes, &gpu.limits)?;
        let gradient_bytes = u64::from(lookup_count) * self.layout.dense_row_bytes();
        // A batch of no lookups has no gradient to bind, and any region will do.
        let gradient = match gradient_bytes {
            0 => None,
            bytes => Some(gradient.bind("the gradient", bytes, &gpu.limits)?),
        };
        let sums = self.sums.at_least(gpu, sum_bytes)?;
        let mut dispatches = Vec::new();
        if let Some(gradient) = gradient {
            let kernel = self.by_width(&kernels::scatter_add::VEC4, &kernels::scatter_add::SCALAR);
            let threads = self.layout.threads(SUMMED_QUADS_PER_THREAD);
            let pipeline = self.pipeline(gpu, kernel, threads, None)?;
            for (segment_count, uniform) in &runs.levels {
                let resources = [
                    gradient.clone(),
                    uniform.binding(),
                    runs.segments.binding(),
                    runs.order.binding(),
                    sums.as_entire_buffer_binding(),
                ];
                dispatches.push(gpu.dispatch(&pipeline, &resources, workgroups(*segment_count, threads))?);
            }
        }
        Ok((dispatches, sums))
    }

    #[expect(clippy::too_many_arguments, reason = "two callers, a line each")]
    fn row_gradient(
        &self,
        gpu: &Gpu,
        runs: &SortedRuns,
        run_count: u32,
        uniform: &super::batch::Section,
        sums: &wgpu::Buffer,
        output: wgpu::BufferBinding<'_>,
        dense: bool,
    ) -> Result<Dispatch> {
        let kernel = self.by_width(&kernels::row_gradient::VEC4, &kernels::row_gradient::SCALAR);
        let threads = self.row_threads(gpu);
        let pipeline = self.pipeline(gpu, kernel, threads, Some(dense))?;
        let resources = [output, uniform.binding(), runs.rows.binding(), sums.as_entire_buffer_binding()];
        gpu.dispatch(&pipeline, &resources, workgroups(run_count, threads))
    }

    /// The build of a kernel for this table's width.
    fn by_width(&self, vec4: &'static Kernel, scalar: &'static Kernel) -> &'static Kernel {
        if self.layout.output_dim.is_multiple_of(4) { vec4 } else { scalar }
    }

    /// A kernel compiled for this table's rows; `flag` is the kernel's own constant after DIM, QUADS and THREADS.
    fn pipeline(
        &self,
        gpu: &Gpu,
        kernel: &'static Kernel,
        threads: u32,
        flag: Option<bool>,
    ) -> Result<std::sync::Arc<super::device::Pipeline>> {
        let mut constants =
            vec![f64::from(self.layout.output_dim), f64::from(self.layout.quads()), f64::from(threads)];
        constants.extend(flag.map(|flag| f64::from(u8::from(flag))));
        gpu.pipeline(kernel, &constants)
    }

    /// Threads that share a row where rows are copied or updated.
    fn row_threads(&self, gpu: &Gpu) -> u32 {
        self.layout.threads(match gpu.info.device_type {
            wgpu::DeviceType::Cpu => MOVED_QUADS_PER_THREAD_ON_A_CPU,
            _ => MOVED_QUADS_PER_THREAD,
        })
    }

    // ---- from and to the host -------------------------------------------------------------------------------------

    /// A buffer for a gradient from the host, filled; for calls that submit at once.
    pub(crate) fn upload_gradient(&self, gpu: &Gpu, gradient: &[f32]) -> Result<wgpu::Buffer> {
        let buffer = self.gradient.at_least(gpu, (size_of_val(gradient) as u64).max(QUAD_BYTES))?;
        gpu.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(gradient));
        Ok(buffer)
    }

    /// Writes the weights row by row, through pieces of bounded size; `fill_row` is called for each row in order.
    ///
    /// What is submitted from now on sees them.
    pub(crate) fn write_weights(&self, gpu: &Gpu, mut fill_row: impl FnMut(&mut [f32])) -> Result<()> {
        let row_floats = self.layout.quads() as usize * 4;
        let output_dim = self.layout.output_dim as usize;
        let rows_per_piece = (PIECE_BYTES / self.layout.row_bytes()).max(1) as usize;
        let mut piece = Vec::new();
        for shard in &self.shards {
            let row_count = (shard.rows.end - shard.rows.start) as usize;
            for first in (0..row_count).step_by(rows_per_piece) {
                let rows = rows_per_piece.min(row_count - first);
                piece.clear();
                piece.resize(rows * row_floats, 0.0f32);
                for row in piece.chunks_exact_mut(row_floats) {
                    fill_row(&mut row[..output_dim]);
                }
                let offset = first as u64 * self.layout.row_bytes();
                gpu.queue.write_buffer(&shard.weights, offset, bytemuck::cast_slice(&piece));
                // Lets go of the queue's own copy before the next piece.
                gpu.submit(gpu.encoder("write weights"))?;
            }
        }
        Ok(())
    }

    /// Reads an array of the table's size, `input_dim * output_dim` floats.
    ///
    /// Gives `None` for a moment that this table does not keep.
    pub(crate) async fn read(&self, gpu: &Gpu, part: Part, waiting: Waiting) -> Result<Option<Vec<f32>>> {
        let row_bytes = self.layout.row_bytes();
        let piece = (PIECE_BYTES / row_bytes).max(1) * row_bytes;
        let floats = self.layout.input_dim as usize * self.layout.output_dim as usize;
        let mut values = Vec::with_capacity(floats);
        for shard in &self.shards {
            let buffer = match (part, &shard.moments, self.optimizer) {
                (Part::Weights, ..) => &shard.weights,
                (Part::FirstMoment, Some(moments), _) => &moments.first,
                (Part::SecondMoment, Some(moments), _) => &moments.second,
                (Part::LargestMoment, Some(moments), Some(OptimizerKind { amsgrad: true, .. })) => &moments.largest,
                _ => return Ok(None),
            };
            gpu.read(buffer, 0..buffer.size(), piece, waiting, |bytes| {
                for row in bytes.chunks_exact(row_bytes as usize) {
                    extend_from_le_bytes(&mut values, &row[..self.layout.dense_row_bytes() as usize]);
                }
            })
            .await?;
        }
        Ok(Some(values))
    }
}

/// Workgroups for a kernel that gives each of `rows` rows `threads` threads.
fn workgroups(rows: u32, threads: u32) -> u64 {
    (u64::from(rows) * u64::from(threads)).div_ceil(kernels::WORKGROUP_SIZE.into())
}
