//! The calls driven from the host: they submit at once, on every context.

use std::sync::Arc;

use super::record::RunsOf;
use super::{GpuEmbedding, Table, read, write};
use crate::batch::{BatchData, IndexBatch};
use crate::error::{Error, Result};
use crate::gpu::device::Gpu;
use crate::gpu::gradient::BatchGradient;
use crate::gpu::readback::Waiting;
use crate::gpu::region::BufferRegion;
use crate::gpu::table::GpuTable;
use crate::gpu::update::{GradientScale, scaled_twice};
use crate::optimizer::Clipping;
use crate::reference::{self, RowSums};
use crate::tensor::{Gradient, GradientSource, Tensor};

/// The gradient by itself: the batch's distinct rows with their sums.
#[derive(Debug, Clone)]
pub struct RowGradient {
    /// The distinct rows, rising; `padding_idx` and indices outside the table are not among them.
    pub rows: Vec<u32>,
    /// The sum of each row's gradients, `[rows.len(), output_dim]`.
    pub sums: Tensor,
}

impl GpuEmbedding {
    /// Looks the batch's rows up: a tensor of the batch's shape with `output_dim` appended.
    ///
    /// Sees every update made, or recorded and submitted, before; with [`Update::Deferred`](crate::Update::Deferred) each row
    /// as the dense optimizer would have it by now, although the table itself is left as it is.
    ///
    /// # Errors
    ///
    /// [`Error::BatchMismatch`] if the batch was made for another table; [`Error::TooLarge`] if the output exceeds a
    /// binding; [`Error::OutOfMemory`].
    pub fn lookup(&self, batch: &IndexBatch) -> Result<Tensor> {
        batch.check_made_by(&self.maker)?;
        let mut shape = batch.shape().to_vec();
        shape.push(self.output_dim() as usize);
        match (&self.table, &batch.data) {
            (Table::Reference(table), BatchData::Reference { indices, .. }) => {
                Ok(Tensor::on_host(shape, read(table).gather(&self.optimizer, indices)))
            }
            (Table::Gpu(gpu, table), data) => {
                let report = matches!(data, BatchData::Resident { .. }).then(|| table.report.clone());
                let output = Tensor::on_gpu(gpu, "lookup output", shape, report)?;
                let mut encoder = gpu.encoder("embedding lookup");
                self.encode_lookup(&mut encoder, batch, whole(&output))?;
                gpu.submit(encoder)?;
                Ok(output)
            }
            (Table::Reference(_), _) => unreachable!("a batch of the same context"),
        }
    }

    /// One step: sums the gradient per row, and the optimizer updates the table.
    ///
    /// `gradient` is that of the lookup's output, of the same shape: `&[f32]`, a `&Tensor` or a GPU buffer. Does not wait
    /// for the GPU; a batch whose indices are GPU-resident is sorted there.
    ///
    /// # Errors
    ///
    /// [`Error::Frozen`]; [`Error::BatchMismatch`]; [`Error::Shape`] for a host gradient of another length;
    /// [`Error::BufferTooSmall`], [`Error::BufferUsage`], [`Error::BufferAlignment`], [`Error::ForeignObject`] and
    /// [`Error::TooLarge`] for a GPU gradient; [`Error::NeedsGpu`] for a GPU gradient on the CPU reference.
    /// After an error nothing has changed and no step was counted.
    pub fn update<'a>(&mut self, batch: &IndexBatch, gradient: impl Into<Gradient<'a>>) -> Result<()> {
        self.update_with(batch, gradient.into(), None)
    }

    /// As [`update`](Self::update), with the gradient first multiplied by `scale`: for clipping by a norm over several
    /// tables and other parameters ([`gradient_norm`](Self::gradient_norm) gives this table's), and for scaled losses.
    ///
    /// # Errors
    ///
    /// As [`update`](Self::update); [`Error::InvalidConfig`] if the optimizer clips by the table's own norm already.
    pub fn update_scaled<'a>(
        &mut self,
        batch: &IndexBatch,
        gradient: impl Into<Gradient<'a>>,
        scale: f32,
    ) -> Result<()> {
        self.update_with(batch, gradient.into(), Some(scale))
    }

    fn update_with(&mut self, batch: &IndexBatch, gradient: Gradient<'_>, scale: Option<f32>) -> Result<()> {
        if !self.trainable() {
            return Err(Error::Frozen);
        }
        if let Table::Reference(_) = self.table {
            let sums = self.reference_sums(batch, gradient)?;
            if scale.is_some()
                && matches!(self.optimizer.clipping(), Some(Clipping::Norm(_) | Clipping::NormPyTorch(_)))
            {
                return Err(scaled_twice());
            }
            self.step_count += 1;
            if let Table::Reference(table) = &self.table {
                write(table).update(sums, scale, &self.optimizer, self.step_count);
            }
            return Ok(());
        }
        let gpu = self.gpu_table("update")?.0.clone();
        batch.check_made_by(&self.maker)?;
        let mut uploaded = None;
        let region = self.gradient_region(&gpu, batch, gradient, &mut uploaded)?;
        let mut encoder = gpu.encoder("embedding update");
        let scale = scale.map_or(GradientScale::None, GradientScale::Host);
        let recorded = self.encode_update("update", &mut encoder, batch, region, scale)?;
        gpu.submit(encoder)?;
        self.count_step(recorded);
        Ok(())
    }

    /// The summed gradient without an update, for each distinct row of the batch. Blocks for a GPU-resident batch, whose
    /// rows are read back.
    ///
    /// # Errors
    ///
    /// As [`update`](Self::update), but a frozen table has gradients too.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn row_gradient<'a>(&self, batch: &IndexBatch, gradient: impl Into<Gradient<'a>>) -> Result<RowGradient> {
        let gradient = gradient.into();
        crate::gpu::readback::block_on(|waiting| self.row_gradient_with(batch, gradient, waiting))
    }

    /// The async form of [`row_gradient`](Self::row_gradient).
    pub async fn row_gradient_async<'a>(
        &self,
        batch: &IndexBatch,
        gradient: impl Into<Gradient<'a>>,
    ) -> Result<RowGradient> {
        self.row_gradient_with(batch, gradient.into(), Waiting::Yield).await
    }

    async fn row_gradient_with(
        &self,
        batch: &IndexBatch,
        gradient: Gradient<'_>,
        waiting: Waiting,
    ) -> Result<RowGradient> {
        let output_dim = self.output_dim() as usize;
        if let Table::Reference(_) = self.table {
            let RowSums { rows, sums } = self.reference_sums(batch, gradient)?;
            let sums = Tensor::on_host(vec![rows.len(), output_dim], sums);
            return Ok(RowGradient { rows, sums });
        }
        let sums =
            self.with_gradient(batch, IndexBatch::runs_of_rows, gradient, |gpu, table, encoder, gradient| {
                let shape = vec![gradient.runs.run_count as usize, output_dim];
                let sums = Tensor::on_gpu(gpu, "row gradient", shape, None)?;
                table.record_row_gradient(gpu, encoder, gradient, whole(&sums))?;
                Ok(sums)
            })?;
        let rows = match batch.unique_rows() {
            Some(rows) => rows.to_vec(),
            None => batch.read_rows(waiting).await?,
        };
        let sums = sums.truncated(rows.len());
        Ok(RowGradient { rows, sums })
    }

    /// The Euclidean norm of the summed gradient, as a dense gradient of the table has it. Blocks for the GPU.
    ///
    /// # Errors
    ///
    /// As [`row_gradient`](Self::row_gradient).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn gradient_norm<'a>(&self, batch: &IndexBatch, gradient: impl Into<Gradient<'a>>) -> Result<f32> {
        let gradient = gradient.into();
        crate::gpu::readback::block_on(|waiting| self.gradient_norm_with(batch, gradient, waiting))
    }

    /// The async form of [`gradient_norm`](Self::gradient_norm).
    pub async fn gradient_norm_async<'a>(
        &self,
        batch: &IndexBatch,
        gradient: impl Into<Gradient<'a>>,
    ) -> Result<f32> {
        self.gradient_norm_with(batch, gradient.into(), Waiting::Yield).await
    }

    async fn gradient_norm_with(&self, batch: &IndexBatch, gradient: Gradient<'_>, waiting: Waiting) -> Result<f32> {
        if let Table::Reference(_) = self.table {
            return Ok(reference::gradient_norm(&self.reference_sums(batch, gradient)?));
        }
        let norm = self.with_gradient(batch, IndexBatch::runs, gradient, |gpu, table, encoder, gradient| {
            let norm = Tensor::on_gpu(gpu, "gradient norm", vec![1], None)?;
            table.record_gradient_norm(gpu, encoder, gradient, whole(&norm))?;
            Ok(norm)
        })?;
        Ok(norm.read_with(waiting).await?[0])
    }

    /// The summed gradient as a table, `[input_dim, output_dim]`: zeros for rows that the batch does not have.
    ///
    /// # Errors
    ///
    /// As [`row_gradient`](Self::row_gradient), and [`Error::TooLarge`] if it exceeds one buffer.
    pub fn dense_gradient<'a>(&self, batch: &IndexBatch, gradient: impl Into<Gradient<'a>>) -> Result<Tensor> {
        let shape = vec![self.input_dim() as usize, self.output_dim() as usize];
        if let Table::Reference(_) = &self.table {
            let sums = self.reference_sums(batch, gradient.into())?;
            let dense = reference::dense_gradient(&sums, shape[0], shape[1]);
            return Ok(Tensor::on_host(shape, dense));
        }
        self.with_gradient(batch, IndexBatch::runs, gradient.into(), |gpu, table, encoder, gradient| {
            let dense = Tensor::on_gpu(gpu, "dense gradient", shape, None)?;
            table.record_dense_gradient(gpu, encoder, gradient, whole(&dense))?;
            Ok(dense)
        })
    }

    /// Records with the batch's sorted runs and with its gradient in a buffer, then submits; for calls driven from the
    /// host.
    fn with_gradient<T>(
        &self,
        batch: &IndexBatch,
        runs: RunsOf,
        gradient: Gradient<'_>,
        record: impl FnOnce(&Arc<Gpu>, &GpuTable, &mut wgpu::CommandEncoder, BatchGradient<'_>) -> Result<T>,
    ) -> Result<T> {
        let (gpu, table) = self.gpu_table("a gradient on the GPU")?;
        batch.check_made_by(&self.maker)?;
        let mut uploaded = None;
        let region = self.gradient_region(gpu, batch, gradient, &mut uploaded)?;
        let mut encoder = gpu.encoder("embedding gradient");
        let gradient = BatchGradient { runs: runs(batch)?, region, unchecked: batch.unchecked() };
        let value = record(gpu, table, &mut encoder, gradient)?;
        gpu.submit(encoder)?;
        Ok(value)
    }

    /// A gradient in a buffer: the caller's own, or the floats `uploaded`.
    fn gradient_region<'a>(
        &self,
        gpu: &Gpu,
        batch: &IndexBatch,
        gradient: Gradient<'a>,
        uploaded: &'a mut Option<wgpu::Buffer>,
    ) -> Result<BufferRegion<'a>> {
        match gradient.0 {
            GradientSource::Gpu(region) => Ok(region),
            GradientSource::Host(values) => {
                Gradient::check_length(values, batch.len() * self.output_dim() as usize)?;
                Ok((&*uploaded.insert(GpuTable::upload_gradient(gpu, values)?)).into())
            }
        }
    }

    fn reference_sums(&self, batch: &IndexBatch, gradient: Gradient<'_>) -> Result<RowSums> {
        batch.check_made_by(&self.maker)?;
        let BatchData::Reference { indices, .. } = &batch.data else { unreachable!("a batch of the same context") };
        let values = match gradient.0 {
            GradientSource::Host(values) => values,
            GradientSource::Gpu(_) => return Err(Error::NeedsGpu { call: "a gradient in a GPU buffer" }),
        };
        let output_dim = self.output_dim() as usize;
        Gradient::check_length(values, indices.len() * output_dim)?;
        Ok(reference::scatter_add(values, output_dim, indices, |row| self.maker.trains(row)))
    }
}

/// A tensor's own buffer, on the GPU.
fn whole(tensor: &Tensor) -> BufferRegion<'_> {
    tensor.region().expect("a tensor made on the GPU")
}
