//! The calls driven from the host: they submit at once, on every context.

use std::sync::Arc;

use super::{GpuEmbedding, Table};
use crate::batch::{BatchData, IndexBatch};
use crate::error::{Error, Result};
use crate::gpu::batch::{SortedRuns, upload};
use crate::gpu::device::Gpu;
use crate::gpu::kernels::adam::AdamStep;
use crate::gpu::plan::SortPlan;
use crate::gpu::record::BatchGradient;
use crate::gpu::region::BufferRegion;
use crate::gpu::table::GpuTable;
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
    /// Sees every update made, or recorded and submitted, before.
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
                let output = reference::gather(&table.state.weights, table.output_dim, indices);
                Ok(Tensor::on_host(shape, output))
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

    /// One step: sums the gradient per row, and Adam updates the table.
    ///
    /// `gradient` is that of the lookup's output, of the same shape: `&[f32]`, a `&Tensor` or a GPU buffer. A batch whose
    /// indices are GPU-resident is read back and sorted on the host, which waits for the GPU; the other calls do not
    /// wait.
    ///
    /// # Errors
    ///
    /// [`Error::Frozen`]; [`Error::BatchMismatch`]; [`Error::Shape`] for a host gradient of another length;
    /// [`Error::BufferTooSmall`], [`Error::BufferUsage`], [`Error::BufferAlignment`], [`Error::ForeignObject`] and
    /// [`Error::TooLarge`] for a GPU gradient; [`Error::NeedsGpu`] for a GPU gradient on the CPU reference.
    /// After an error nothing has changed and no step was counted.
    pub fn update<'a>(&mut self, batch: &IndexBatch, gradient: impl Into<Gradient<'a>>) -> Result<()> {
        if !self.trainable {
            return Err(Error::Frozen);
        }
        let gradient = gradient.into();
        if let Table::Reference(_) = self.table {
            let sums = self.reference_sums(batch, gradient)?;
            self.step_count += 1;
            if let Table::Reference(table) = &mut self.table {
                table.update(&sums, &self.optimizer, self.step_count);
            }
            return Ok(());
        }
        let step = AdamStep::new(&self.optimizer, self.step_count + 1);
        self.with_runs(batch, gradient, |gpu, table, encoder, gradient| {
            table.record_update(gpu, encoder, gradient, &step)
        })?;
        self.step_count += 1;
        Ok(())
    }

    /// The summed gradient without an update, for each distinct row of the batch.
    ///
    /// # Errors
    ///
    /// As [`update`](Self::update), but a frozen table has gradients too.
    pub fn row_gradient<'a>(&self, batch: &IndexBatch, gradient: impl Into<Gradient<'a>>) -> Result<RowGradient> {
        let output_dim = self.output_dim() as usize;
        if let Table::Reference(_) = self.table {
            let RowSums { rows, sums } = self.reference_sums(batch, gradient.into())?;
            let sums = Tensor::on_host(vec![rows.len(), output_dim], sums);
            return Ok(RowGradient { rows, sums });
        }
        self.with_runs(batch, gradient.into(), |gpu, table, encoder, gradient| {
            let shape = vec![gradient.runs.run_count as usize, output_dim];
            let sums = Tensor::on_gpu(gpu, "row gradient", shape, None)?;
            table.record_row_gradient(gpu, encoder, gradient, whole(&sums))?;
            Ok(sums)
        })
        .map(|(sums, rows)| RowGradient { rows, sums })
    }

    /// The summed gradient as a table, `[input_dim, output_dim]`: zeros for rows that the batch does not have.
    ///
    /// # Errors
    ///
    /// As [`row_gradient`](Self::row_gradient), and [`Error::TooLarge`] if it exceeds one buffer.
    pub fn dense_gradient<'a>(&self, batch: &IndexBatch, gradient: impl Into<Gradient<'a>>) -> Result<Tensor> {
        let shape = vec![self.input_dim() as usize, self.output_dim() as usize];
        if let Table::Reference(table) = &self.table {
            let sums = self.reference_sums(batch, gradient.into())?;
            let dense = reference::row_gradient(&sums, shape[0], table.output_dim);
            return Ok(Tensor::on_host(shape, dense));
        }
        self.with_runs(batch, gradient.into(), |gpu, table, encoder, gradient| {
            let dense = Tensor::on_gpu(gpu, "dense gradient", shape, None)?;
            table.record_dense_gradient(gpu, encoder, gradient, whole(&dense))?;
            Ok(dense)
        })
        .map(|(dense, _)| dense)
    }

    /// Records with the batch's sorted runs and with its gradient in a buffer, then submits; for calls driven from the
    /// host. Gives the recording's value and the batch's distinct rows.
    fn with_runs<T>(
        &self,
        batch: &IndexBatch,
        gradient: Gradient<'_>,
        record: impl FnOnce(&Arc<Gpu>, &GpuTable, &mut wgpu::CommandEncoder, BatchGradient<'_>) -> Result<T>,
    ) -> Result<(T, Vec<u32>)> {
        let (gpu, table) = self.gpu_table("update")?;
        batch.check_made_by(&self.maker)?;
        let uploaded;
        let region = match gradient.0 {
            GradientSource::Gpu(region) => region,
            GradientSource::Host(values) => {
                Gradient::check_length(values, batch.len() * self.output_dim() as usize)?;
                uploaded = GpuTable::upload_gradient(gpu, values)?;
                (&uploaded).into()
            }
        };
        let lookup_count = batch.len() as u32;
        let mut encoder = gpu.encoder("embedding update");
        // Sorted here, these must live until the submission: dropped before, their buffer could be filled again by
        // another thread's batch.
        let sorted_here;
        let (runs, rows) = match &batch.data {
            BatchData::Sorted { runs, rows, .. } => (&**runs, rows),
            BatchData::Resident { .. } => {
                sorted_here = self.sort_on_host(batch)?;
                (&sorted_here.0, &sorted_here.1)
            }
            BatchData::Reference { .. } => unreachable!("a batch of the same context"),
        };
        let value = record(gpu, table, &mut encoder, BatchGradient { runs, lookup_count, region })?;
        if let BatchData::Resident { lookups } = &batch.data {
            table.record_check(gpu, &mut encoder, lookups)?;
        }
        gpu.submit(encoder)?;
        Ok((value, rows.clone()))
    }

    /// Reads a GPU-resident batch back and sorts what trains of it.
    #[cfg(not(target_arch = "wasm32"))]
    fn sort_on_host(&self, batch: &IndexBatch) -> Result<(SortedRuns, Vec<u32>)> {
        let (gpu, _) = self.gpu_table("update")?;
        let indices = crate::gpu::readback::block_on(|waiting| self.read_indices(batch, waiting))?;
        let plan = SortPlan::new(&indices, |row| self.maker.trains(row));
        let (_, runs) = upload(gpu, &self.maker.pool, &self.maker.layout, &indices, &plan)?;
        Ok((runs, plan.rows))
    }

    /// In a browser nothing may block.
    #[cfg(target_arch = "wasm32")]
    fn sort_on_host(&self, _batch: &IndexBatch) -> Result<(SortedRuns, Vec<u32>)> {
        Err(Error::Unsorted { call: "update in a browser" })
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
