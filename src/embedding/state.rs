//! Weights in and out, moments, masks and the index report: async first, with blocking twins.

use super::{GpuEmbedding, Table};
use crate::batch::{BatchData, BatchMaker, Index, IndexBatch};
use crate::error::{Error, Result};
use crate::gpu::readback::{PIECE_BYTES, Waiting};
use crate::gpu::region::BufferRegion;
use crate::gpu::table::Part;

/// Adam's moments, each `[input_dim, output_dim]`, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// The running mean of the gradient, `m`.
    #[doc(alias = "exp_avg")]
    pub first: Vec<f32>,
    /// The running mean of its square, `v`.
    #[doc(alias = "exp_avg_sq")]
    pub second: Vec<f32>,
    /// With amsgrad, the largest `v` so far.
    #[doc(alias = "max_exp_avg_sq")]
    pub largest: Option<Vec<f32>>,
}

impl GpuEmbedding {
    /// All weights, `[input_dim, output_dim]` row-major. Blocks until the GPU has computed what was submitted before.
    ///
    /// # Errors
    ///
    /// [`Error::GpuIndicesOutOfRange`] reports what GPU-resident batches had outside the table since the last report,
    /// once: call again, and the weights come. [`Error::Device`] if the device was lost.
    #[doc(alias = "get_weights")]
    #[cfg(not(target_arch = "wasm32"))]
    pub fn weights(&self) -> Result<Vec<f32>> {
        crate::gpu::readback::block_on(|waiting| self.weights_with(waiting))
    }

    /// The async form of [`weights`](Self::weights).
    pub async fn weights_async(&self) -> Result<Vec<f32>> {
        self.weights_with(Waiting::Yield).await
    }

    async fn weights_with(&self, waiting: Waiting) -> Result<Vec<f32>> {
        self.check_with(waiting).await?;
        match &self.table {
            Table::Reference(table) => Ok(table.state.weights.clone()),
            Table::Gpu(gpu, table) => {
                Ok(table.read(gpu, Part::Weights, waiting).await?.expect("every table has weights"))
            }
        }
    }

    /// Sets all weights, `[input_dim, output_dim]` row-major, also of a frozen table. Moments and step count stay, as in
    /// Keras.
    ///
    /// What is submitted from now on sees them.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if the length is not `input_dim * output_dim`; then nothing has changed.
    pub fn set_weights(&mut self, weights: &[f32]) -> Result<()> {
        let output_dim = self.output_dim() as usize;
        let required = self.input_dim() as usize * output_dim;
        if weights.len() != required {
            return Err(Error::Shape {
                what: "the weights",
                required: format!("input_dim * output_dim = {required} floats"),
                given: format!("{} floats", weights.len()),
            });
        }
        match &mut self.table {
            Table::Reference(table) => table.state.weights.copy_from_slice(weights),
            Table::Gpu(gpu, table) => {
                let mut rows = weights.chunks_exact(output_dim);
                table.write_weights(gpu, |row| row.copy_from_slice(rows.next().expect("the length was checked")))?;
            }
        }
        Ok(())
    }

    /// The rows with these numbers, in this order, `[rows.len(), output_dim]`. Blocks like [`weights`](Self::weights),
    /// and reads these rows alone.
    ///
    /// # Errors
    ///
    /// As [`batch`](Self::batch), [`lookup`](Self::lookup) and [`weights`](Self::weights).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn rows<I: Index>(&self, rows: &[I]) -> Result<Vec<f32>> {
        crate::gpu::readback::block_on(|waiting| self.rows_with(rows, waiting))
    }

    /// The async form of [`rows`](Self::rows).
    pub async fn rows_async<I: Index>(&self, rows: &[I]) -> Result<Vec<f32>> {
        self.rows_with(rows, Waiting::Yield).await
    }

    async fn rows_with<I: Index>(&self, rows: &[I], waiting: Waiting) -> Result<Vec<f32>> {
        self.check_with(waiting).await?;
        // Rows are not a batch of the model's, so its input_length does not apply.
        let batch = BatchMaker { input_length: None, ..self.maker.clone() }.make(rows)?;
        self.lookup(&batch)?.read_with(waiting).await
    }

    /// Adam's moments; `None` on a frozen table, which has none. Blocks like [`weights`](Self::weights).
    ///
    /// # Errors
    ///
    /// As [`weights`](Self::weights).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn moments(&self) -> Result<Option<Moments>> {
        crate::gpu::readback::block_on(|waiting| self.moments_with(waiting))
    }

    /// The async form of [`moments`](Self::moments).
    pub async fn moments_async(&self) -> Result<Option<Moments>> {
        self.moments_with(Waiting::Yield).await
    }

    async fn moments_with(&self, waiting: Waiting) -> Result<Option<Moments>> {
        if !self.trainable {
            return Ok(None);
        }
        self.check_with(waiting).await?;
        match &self.table {
            Table::Reference(table) => {
                let state = table.state.clone();
                let largest = self.optimizer.amsgrad.then_some(state.largest_moment);
                Ok(Some(Moments { first: state.first_moment, second: state.second_moment, largest }))
            }
            Table::Gpu(gpu, table) => {
                let first = table.read(gpu, Part::FirstMoment, waiting).await?;
                let second = table.read(gpu, Part::SecondMoment, waiting).await?;
                let largest = table.read(gpu, Part::LargestMoment, waiting).await?;
                Ok(first.zip(second).map(|(first, second)| Moments { first, second, largest }))
            }
        }
    }

    /// The batch's mask, row-major: true where the index is not 0. `None` unless the table was made with `mask_zero`.
    ///
    /// Blocks for a GPU-resident batch, whose indices are read back; for another it computes on the host alone.
    /// On the GPU, compare [`IndexBatch::index_buffer`] with 0.
    ///
    /// # Errors
    ///
    /// [`Error::BatchMismatch`]; for a GPU-resident batch [`Error::BufferUsage`] if its buffer lacks `COPY_SRC`, and
    /// [`Error::Device`].
    #[doc(alias = "compute_mask")]
    #[cfg(not(target_arch = "wasm32"))]
    pub fn mask(&self, batch: &IndexBatch) -> Result<Option<Vec<bool>>> {
        crate::gpu::readback::block_on(|waiting| self.mask_with(batch, waiting))
    }

    /// The async form of [`mask`](Self::mask).
    pub async fn mask_async(&self, batch: &IndexBatch) -> Result<Option<Vec<bool>>> {
        self.mask_with(batch, Waiting::Yield).await
    }

    async fn mask_with(&self, batch: &IndexBatch, waiting: Waiting) -> Result<Option<Vec<bool>>> {
        batch.check_made_by(&self.maker)?;
        if !self.mask_zero {
            return Ok(None);
        }
        let mask = |indices: &[u32]| Some(indices.iter().map(|&index| index != 0).collect());
        match &batch.data {
            BatchData::Reference { indices, .. } | BatchData::Sorted { indices, .. } => Ok(mask(indices)),
            BatchData::Resident { .. } => Ok(mask(&self.read_indices(batch, waiting).await?)),
        }
    }

    /// Asks whether GPU-resident indices were outside the table since the last report. Blocks until the GPU has computed
    /// what was submitted before.
    ///
    /// Every lookup counts what it meets, and so does every update and gradient: an index that is looked up and then
    /// trained counts twice.
    ///
    /// # Errors
    ///
    /// [`Error::GpuIndicesOutOfRange`] says how many there were and where the first one stood; this clears the report.
    /// Each readback ([`weights`](Self::weights), [`rows`](Self::rows), [`moments`](Self::moments), and
    /// [`Tensor::read`](crate::Tensor::read) of a GPU-resident batch's lookup) asks the same.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn check(&self) -> Result<()> {
        crate::gpu::readback::block_on(|waiting| self.check_with(waiting))
    }

    /// The async form of [`check`](Self::check).
    pub async fn check_async(&self) -> Result<()> {
        self.check_with(Waiting::Yield).await
    }

    async fn check_with(&self, waiting: Waiting) -> Result<()> {
        match &self.table {
            Table::Gpu(gpu, table) => table.report.take(gpu, waiting).await,
            Table::Reference(_) => Ok(()),
        }
    }

    pub(super) async fn read_indices(&self, batch: &IndexBatch, waiting: Waiting) -> Result<Vec<u32>> {
        let (gpu, _) = self.gpu_table("reading indices")?;
        let lookups = batch.lookups().expect("a batch of a GPU context has lookups");
        let BufferRegion { buffer, offset, .. } = lookups.indices.region();
        let given = buffer.usage();
        if !given.contains(wgpu::BufferUsages::COPY_SRC) {
            let required = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
            return Err(Error::BufferUsage { what: "reading the batch's indices", required, given });
        }
        let mut indices = Vec::with_capacity(batch.len());
        let bytes = offset..offset + u64::from(lookups.count) * 4;
        gpu.read(buffer, bytes, PIECE_BYTES, waiting, |bytes| {
            indices.extend(bytes.chunks_exact(4).map(bytemuck::pod_read_unaligned::<u32>));
        })
        .await?;
        Ok(indices)
    }
}
