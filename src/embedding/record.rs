//! The recorded calls: they add commands to the caller's encoder, and do nothing else.

use super::{GpuEmbedding, Table};
use crate::batch::{BatchData, IndexBatch};
use crate::error::{Error, Result};
use crate::gpu::batch::SortedRuns;
use crate::gpu::device::Gpu;
use crate::gpu::gradient::BatchGradient;
use crate::gpu::region::BufferRegion;
use crate::gpu::table::GpuTable;
use crate::gpu::update::{GradientScale, Recorded};

impl GpuEmbedding {
    /// Records a copy of indices that other kernels write, and gives the batch of them: `parts` one after the other, u32,
    /// `shape`'s product of them in all.
    ///
    /// As [`batch_from_buffer`](Self::batch_from_buffer), but that the batch keeps what the parts hold when the copy runs, so
    /// that their memory may be used for something else after it, and that no lookup binds their buffers: an allocator that
    /// has many tensors in one buffer may give a lookup's output beside its indices, and wgpu allows no pass to read and
    /// write one buffer. Submit the copy before anything that uses the batch, or with it. The parts need the usage
    /// `COPY_SRC`, and to begin and end at multiples of 4 bytes.
    ///
    /// # Errors
    ///
    /// [`Error::NeedsGpu`] on the CPU reference; [`Error::BufferUsage`] and [`Error::BufferAlignment`] of a part;
    /// [`Error::Shape`] where the parts are longer or shorter than the shape, and as for [`batch`](Self::batch);
    /// [`Error::TooLarge`] and [`Error::OutOfMemory`]. After an error nothing was recorded. A part or an encoder of another
    /// device is wgpu's to report, when the encoder is finished.
    pub fn record_batch(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        parts: &[BufferRegion<'_>],
        shape: &[usize],
    ) -> Result<IndexBatch> {
        let batch = self.maker.make_copy(encoder, parts, shape)?;
        batch.hold(encoder);
        Ok(batch)
    }

    /// Records a lookup into `output`: `[batch.len(), output_dim]` f32, row-major.
    ///
    /// Sees the updates that are submitted before it, and those recorded before it on the same encoder. Submit it before
    /// updates that are recorded after it: a lookup is made for rows as they are when it is recorded.
    ///
    /// # Errors
    ///
    /// [`Error::NeedsGpu`] on the CPU reference; [`Error::BatchMismatch`]; [`Error::BufferTooSmall`],
    /// [`Error::BufferUsage`], [`Error::BufferAlignment`], [`Error::TooLarge`] and [`Error::ForeignObject`] of
    /// `output`. After an error nothing was recorded. An encoder of another device is wgpu's to report, when it is
    /// finished.
    pub fn record_lookup<'a>(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        batch: &IndexBatch,
        output: impl Into<BufferRegion<'a>>,
    ) -> Result<()> {
        self.gpu_table("record_lookup")?;
        batch.check_made_by(&self.maker)?;
        self.encode_lookup(encoder, batch, output.into())?;
        batch.hold(encoder);
        Ok(())
    }

    /// Records one step: the scatter-add of `gradient`, `[batch.len(), output_dim]` f32, and the optimizer's update. A batch whose
    /// indices are GPU-resident is sorted in the same pass.
    ///
    /// The step is counted, and its learning rate taken, when it is recorded. Steps must be submitted in the order in
    /// which they were recorded. An encoder that is dropped takes its gradient with it, and the count stays: with
    /// [`Update::Deferred`](crate::Update::Deferred) it is a step without a gradient, which the next call makes up for, so drop
    /// it before the next update is recorded: dropped after that, it is not noticed, and rows may be caught up wrongly. With
    /// the others it is no step but for the count.
    ///
    /// # Errors
    ///
    /// [`Error::NeedsGpu`] on the CPU reference; [`Error::Frozen`]; [`Error::BatchMismatch`]; [`Error::BufferTooSmall`],
    /// [`Error::BufferUsage`], [`Error::BufferAlignment`], [`Error::TooLarge`] and [`Error::ForeignObject`] of `gradient`;
    /// [`Error::DroppedSteps`]. After an error nothing was recorded and no step counted.
    pub fn record_update<'a>(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        batch: &IndexBatch,
        gradient: impl Into<BufferRegion<'a>>,
    ) -> Result<()> {
        let recorded = self.encode_update("record_update", encoder, batch, gradient.into(), GradientScale::None)?;
        self.count_step(recorded);
        Ok(())
    }

    /// As [`record_update`](Self::record_update), with the gradient first multiplied by `scale`, one f32 that an earlier pass
    /// leaves in a buffer with the usage `COPY_SRC`.
    ///
    /// For clipping by a norm over several tables and other parameters: [`record_gradient_norm`](Self::record_gradient_norm)
    /// of each table, a pass of the caller's that makes a factor of them all, and this; and for scaled losses.
    ///
    /// # Errors
    ///
    /// As [`record_update`](Self::record_update), of `scale` too; [`Error::InvalidConfig`] if the optimizer clips by the table's own
    /// norm already.
    pub fn record_update_scaled<'a, 'b>(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        batch: &IndexBatch,
        gradient: impl Into<BufferRegion<'a>>,
        scale: impl Into<BufferRegion<'b>>,
    ) -> Result<()> {
        let scale = GradientScale::Gpu(scale.into());
        let recorded = self.encode_update("record_update_scaled", encoder, batch, gradient.into(), scale)?;
        self.count_step(recorded);
        Ok(())
    }

    /// Records the Euclidean norm of the summed gradient, as a dense gradient of the table has it, into `output`: one f32.
    ///
    /// # Errors
    ///
    /// As [`record_row_gradient`](Self::record_row_gradient).
    pub fn record_gradient_norm<'a, 'b>(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        batch: &IndexBatch,
        gradient: impl Into<BufferRegion<'a>>,
        output: impl Into<BufferRegion<'b>>,
    ) -> Result<()> {
        let record = GpuTable::record_gradient_norm;
        self.encode_gradient(
            ("record_gradient_norm", record, IndexBatch::runs),
            encoder,
            batch,
            gradient.into(),
            output.into(),
        )
    }

    /// Records the summed gradient of each of [`IndexBatch::unique_rows`] into `output`: `[rows, output_dim]` f32.
    ///
    /// Of a GPU-resident batch the number of rows is not known here: `output` must have room for as many as the batch has
    /// lookups, or the table rows, whichever is less, and those behind the batch's own are left as they are.
    ///
    /// # Errors
    ///
    /// As [`record_update`](Self::record_update), of `gradient` and of `output`; a frozen table has gradients too.
    pub fn record_row_gradient<'a, 'b>(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        batch: &IndexBatch,
        gradient: impl Into<BufferRegion<'a>>,
        output: impl Into<BufferRegion<'b>>,
    ) -> Result<()> {
        let record = GpuTable::record_row_gradient;
        self.encode_gradient(
            ("record_row_gradient", record, IndexBatch::runs_of_rows),
            encoder,
            batch,
            gradient.into(),
            output.into(),
        )
    }

    /// Records the summed gradient as a table into `output`: `[input_dim, output_dim]` f32, zeros for rows that the batch
    /// does not have. `output` needs the usage `COPY_DST` too; it may be larger than a binding.
    ///
    /// # Errors
    ///
    /// As [`record_row_gradient`](Self::record_row_gradient).
    pub fn record_dense_gradient<'a, 'b>(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        batch: &IndexBatch,
        gradient: impl Into<BufferRegion<'a>>,
        output: impl Into<BufferRegion<'b>>,
    ) -> Result<()> {
        let record = GpuTable::record_dense_gradient;
        self.encode_gradient(
            ("record_dense_gradient", record, IndexBatch::runs),
            encoder,
            batch,
            gradient.into(),
            output.into(),
        )
    }

    pub(super) fn encode_lookup(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        batch: &IndexBatch,
        output: BufferRegion<'_>,
    ) -> Result<()> {
        let (gpu, table) = self.gpu_table("lookup")?;
        let lookups = batch.lookups().expect("a batch of a GPU context has lookups");
        let resident = matches!(batch.data, BatchData::Resident { .. });
        table.record_lookup(gpu, encoder, lookups, resident, output)
    }

    /// Records one of the table's calls that hand a gradient out.
    fn encode_gradient(
        &self,
        (call, record, runs): (&'static str, RecordGradient, RunsOf),
        encoder: &mut wgpu::CommandEncoder,
        batch: &IndexBatch,
        gradient: BufferRegion<'_>,
        output: BufferRegion<'_>,
    ) -> Result<()> {
        let (gpu, table) = self.gpu_table(call)?;
        batch.check_made_by(&self.maker)?;
        record(
            table,
            gpu,
            encoder,
            BatchGradient { runs: runs(batch)?, region: gradient, unchecked: batch.unchecked() },
            output,
        )?;
        batch.hold(encoder);
        Ok(())
    }

    /// Records a step, which [`count_step`](Self::count_step) counts.
    pub(super) fn encode_update(
        &self,
        call: &'static str,
        encoder: &mut wgpu::CommandEncoder,
        batch: &IndexBatch,
        region: BufferRegion<'_>,
        scale: GradientScale<'_>,
    ) -> Result<Recorded> {
        let (gpu, table) = self.gpu_table(call)?;
        if !self.trainable() {
            return Err(Error::Frozen);
        }
        batch.check_made_by(&self.maker)?;
        let gradient = BatchGradient { runs: batch.runs()?, region, unchecked: batch.unchecked() };
        let step = (&self.optimizer, self.step_count + 1);
        let recorded = table.record_update(gpu, encoder, gradient, scale, step)?;
        batch.hold(encoder);
        Ok(recorded)
    }

    /// Called when nothing more can fail.
    pub(super) fn count_step(&mut self, recorded: Recorded) {
        if let Table::Gpu(_, table) = &mut self.table {
            table.count_step(recorded);
        }
        self.step_count += 1;
    }

    /// Records what brings every row of a deferred table up to date, in its buffers, for passes of the caller's own that
    /// read [`weight_shards`](Self::weight_shards) after it. Costs what the whole table costs; with other updates there is
    /// nothing to do.
    ///
    /// # Errors
    ///
    /// [`Error::NeedsGpu`] on the CPU reference; [`Error::OutOfMemory`]; [`Error::DroppedSteps`].
    pub fn record_flush(&self, encoder: &mut wgpu::CommandEncoder) -> Result<()> {
        let (gpu, table) = self.gpu_table("record_flush")?;
        table.record_flush(gpu, encoder)
    }
}

/// A call of the table's that takes a batch's gradient and writes an output.
type RecordGradient =
    fn(&GpuTable, &Gpu, &mut wgpu::CommandEncoder, BatchGradient<'_>, BufferRegion<'_>) -> Result<()>;

/// Which of a batch's runs a call takes: [`IndexBatch::runs`], or [`IndexBatch::runs_of_rows`].
pub(super) type RunsOf = fn(&IndexBatch) -> Result<&SortedRuns>;
