//! Weights and the optimizer's state in and out, masks and the index report: async first, with blocking twins.

use std::sync::Arc;

use super::{GpuEmbedding, Table, write};
use crate::batch::{BatchData, BatchMaker, Index, IndexBatch};
use crate::config::{PADDING, TableSpec, WEIGHT};
use crate::error::{Error, Result};
use crate::gpu::readback::{PIECE_BYTES, Waiting};
use crate::gpu::region::BufferRegion;
use crate::optimizer::{Extent, Optimizer};
use crate::storage::Storage;

/// A part of the table on the GPU, see [`GpuEmbedding::weight_shards`].
#[derive(Debug, Clone)]
pub struct WeightShard<'a> {
    /// The rows it holds.
    pub rows: std::ops::Range<u32>,
    /// Weights from one row to the next: `output_dim`, rounded up to a multiple of 4.
    pub row_floats: u32,
    /// What each weight is.
    pub storage: Storage,
    /// Row-major, from the buffer's start; in half precision two in a word, the first in its lower half.
    pub buffer: &'a wgpu::Buffer,
}

impl GpuEmbedding {
    /// All weights, `[input_dim, output_dim]` row-major. Blocks until the GPU has computed what was submitted before. With
    /// [`Update::Deferred`](crate::Update::Deferred) all rows are first brought up to date: see [`flush`](Self::flush).
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
            Table::Reference(_) => Ok(self.reference_array(WEIGHT)),
            Table::Gpu(gpu, table) => {
                table.flush(gpu)?;
                Ok(table.read(gpu, WEIGHT, waiting).await?.expect("every table has weights"))
            }
        }
    }

    /// Sets all weights, `[input_dim, output_dim]` row-major, also of a frozen table. The optimizer's state and the step
    /// count stay, as in Keras.
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
            Table::Reference(table) => {
                let mut table = write(table);
                table.flush(&self.optimizer);
                let mut rows = weights.chunks_exact(output_dim);
                table.set_weights(|row| {
                    row.copy_from_slice(rows.next().expect("the length was checked"));
                    Ok(())
                })?;
            }
            Table::Gpu(gpu, table) => {
                // Flush first: pending steps belong to the old weights.
                table.flush(gpu)?;
                let mut rows = weights.chunks_exact(output_dim);
                table.write(gpu, WEIGHT, |row| {
                    row.copy_from_slice(rows.next().expect("the length was checked"));
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    /// Brings every row of a table with [`Update::Deferred`](crate::Update::Deferred) up to date, in its buffers; with other
    /// updates there is nothing to do. Costs what the whole table costs, in submissions of bounded length; does not wait.
    ///
    /// Results do not depend on it, but for the last bits: a row that is brought up to date in two parts is rounded twice.
    /// In half precision it is a store, which rounds: see [`Storage`](crate::Storage).
    ///
    /// # Errors
    ///
    /// [`Error::Device`] and [`Error::OutOfMemory`].
    pub fn flush(&self) -> Result<()> {
        match &self.table {
            Table::Gpu(gpu, table) => table.flush(gpu),
            Table::Reference(table) => {
                write(table).flush(&self.optimizer);
                Ok(())
            }
        }
    }

    /// The GPU buffers that hold the weights, for the caller's own passes: first [`flush`](Self::flush)ed, so that what is
    /// submitted from now on, and before the next update, reads them up to date. After later updates,
    /// [`record_flush`](Self::record_flush) first.
    ///
    /// Whoever writes them must do so right after a flush, and before the next update.
    ///
    /// # Errors
    ///
    /// [`Error::NeedsGpu`] on the CPU reference; as [`flush`](Self::flush).
    pub fn weight_shards(&self) -> Result<Vec<WeightShard<'_>>> {
        let (gpu, table) = self.gpu_table("weight_shards")?;
        table.flush(gpu)?;
        let row_floats = table.layout.quads() * 4;
        let shards = table.shards.iter();
        let storage = table.precision.storage;
        Ok(shards
            .map(|shard| WeightShard { rows: shard.rows.clone(), row_floats, storage, buffer: &shard.weights })
            .collect())
    }

    /// Changes the optimizer's settings from the next update on. Weights, state and step count stay.
    ///
    /// Rows are first brought up to date by the old settings. Submit recorded updates before. These must stay as they are, for
    /// a table is made for them: the optimizer itself, its update, its state, Adam's `amsgrad`, Sgd's `momentum_form` and
    /// `nesterov`. So must a weight decay of 0 where nothing else moves a row without a gradient, and one that is not 0.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] for a setting out of range, or one that must stay; and on a software adapter for betas so near
    /// to each other that a table must be made with them. Then nothing has changed.
    pub fn set_optimizer(&mut self, optimizer: impl Into<Optimizer>) -> Result<()> {
        let optimizer = optimizer.into();
        optimizer.validate()?;
        for ((what, asked), (_, given)) in optimizer.kept().into_iter().zip(self.optimizer.kept()) {
            if asked != given {
                return Err(Error::InvalidConfig(format!(
                    "a table of {} keeps its optimizer: {what} is {given} here, and {asked} was asked for; make another table",
                    self.optimizer.name()
                )));
            }
        }
        match &mut self.table {
            Table::Gpu(gpu, table) => table.set_optimizer(gpu, &optimizer, self.step_count)?,
            Table::Reference(table) => {
                let mut table = write(table);
                table.flush(&self.optimizer);
                table.restart(&optimizer, self.step_count)?;
            }
        }
        self.optimizer = optimizer;
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

    pub(crate) async fn rows_with<I: Index>(&self, rows: &[I], waiting: Waiting) -> Result<Vec<f32>> {
        self.check_with(waiting).await?;
        // Rows are not a batch of the model's, so its input_length does not apply.
        let spec = Arc::new(TableSpec { input_length: None, ..self.spec().clone() });
        let batch = BatchMaker { spec, ..self.maker.clone() }.batch(rows)?;
        self.lookup(&batch)?.read_with(waiting).await
    }

    /// An array of the optimizer's state by its name, which [`Optimizer::state`] lists: `[input_dim, output_dim]` row-major, or
    /// `[input_dim]` of one that has a number a row. Blocks like [`weights`](Self::weights), and like it brings rows up to
    /// date first.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownState`] lists the names that there are, none on a frozen table; otherwise as
    /// [`weights`](Self::weights).
    ///
    /// ```
    /// # use wgpu_embedding::{Adam, EmbeddingConfig, Error, GpuContext, GpuEmbedding};
    /// # let context = GpuContext::auto()?;
    /// let mut embedding = GpuEmbedding::new(&context, EmbeddingConfig::new(10, 4), Adam::default())?;
    /// let batch = embedding.batch(&[3])?;
    /// embedding.update(&batch, &[0.5; 4])?;
    /// let first_moment = embedding.state("exp_avg")?;
    /// assert!((first_moment[3 * 4] - 0.05).abs() < 1e-6);
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "moments")]
    #[cfg(not(target_arch = "wasm32"))]
    pub fn state(&self, name: &str) -> Result<Vec<f32>> {
        crate::gpu::readback::block_on(|waiting| self.state_with(name, waiting))
    }

    /// The async form of [`state`](Self::state).
    pub async fn state_async(&self, name: &str) -> Result<Vec<f32>> {
        self.state_with(name, Waiting::Yield).await
    }

    async fn state_with(&self, name: &str, waiting: Waiting) -> Result<Vec<f32>> {
        self.state_extent(name)?;
        self.check_with(waiting).await?;
        match &self.table {
            Table::Reference(_) => Ok(self.reference_array(name)),
            Table::Gpu(gpu, table) => {
                table.flush(gpu)?;
                Ok(table.read(gpu, name, waiting).await?.expect("one of its arrays"))
            }
        }
    }

    /// Sets an array of the optimizer's state. Rows are first brought up to date; weights, other arrays and step count stay.
    ///
    /// What is submitted from now on sees it. Rows are written one by one where an optimizer keeps several arrays.
    ///
    /// # Errors
    ///
    /// As [`state`](Self::state) for a name that there is not; [`Error::Shape`] if the length is not the array's. Then
    /// nothing has changed.
    pub fn set_state(&mut self, name: &str, values: &[f32]) -> Result<()> {
        let width = match self.state_extent(name)? {
            Extent::PerElement => self.output_dim() as usize,
            Extent::PerRow => 1,
        };
        let required = self.input_dim() as usize * width;
        if values.len() != required {
            return Err(Error::Shape {
                what: "the state",
                required: format!("{required} floats"),
                given: format!("{} floats", values.len()),
            });
        }
        match &mut self.table {
            Table::Reference(table) => {
                let mut table = write(table);
                table.flush(&self.optimizer);
                table.state_mut(name).expect("one of its arrays").copy_from_slice(values);
            }
            Table::Gpu(gpu, table) => {
                // Flush first: pending steps belong to the old state.
                table.flush(gpu)?;
                let mut rows = values.chunks_exact(width);
                table.write(gpu, name, |row| {
                    row.copy_from_slice(rows.next().expect("the length was checked"));
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    /// An array of a table on the host, rows brought up to date; there must be one of this name.
    fn reference_array(&self, name: &str) -> Vec<f32> {
        let Table::Reference(table) = &self.table else { unreachable!("a table on the host") };
        let mut table = write(table);
        table.flush(&self.optimizer);
        table.array(name).expect("one of its arrays").clone()
    }

    fn state_extent(&self, name: &str) -> Result<Extent> {
        let arrays = if self.spec().trainable { self.optimizer.state() } else { Vec::new() };
        arrays.iter().find(|array| array.name == name).map(|array| array.extent).ok_or_else(|| Error::UnknownState {
            name: name.to_owned(),
            known: arrays.iter().map(|array| array.name).collect(),
        })
    }

    /// The batch's mask, row-major: true where the index is not 0, nor [`PADDING`]. `None` unless the table was made with `mask_zero`.
    ///
    /// Blocks for a GPU-resident batch, whose indices are read back; for another it computes on the host alone.
    /// On the GPU, compare [`IndexBatch::index_buffer`] with 0, and with `PADDING` if there is any.
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
        if !self.spec().mask_zero {
            return Ok(None);
        }
        let mask = |indices: &[u32]| Some(indices.iter().map(|&index| index != 0 && index != PADDING).collect());
        match &batch.data {
            BatchData::Reference { indices, .. } | BatchData::Sorted { indices, .. } => Ok(mask(indices)),
            BatchData::Unsorted(unsorted) => Ok(mask(&unsorted.indices)),
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
    /// Each readback ([`weights`](Self::weights), [`rows`](Self::rows), [`state`](Self::state), and
    /// [`Tensor::read`](crate::Tensor::read) of a GPU-resident batch's lookup) asks the same.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn check(&self) -> Result<()> {
        crate::gpu::readback::block_on(|waiting| self.check_with(waiting))
    }

    /// The async form of [`check`](Self::check).
    pub async fn check_async(&self) -> Result<()> {
        self.check_with(Waiting::Yield).await
    }

    pub(super) async fn check_with(&self, waiting: Waiting) -> Result<()> {
        match &self.table {
            Table::Gpu(gpu, table) => table.report.take(gpu, waiting).await,
            Table::Reference(_) => Ok(()),
        }
    }

    pub(super) async fn read_indices(&self, batch: &IndexBatch, waiting: Waiting) -> Result<Vec<u32>> {
        let (gpu, _) = self.gpu_table("reading indices")?;
        let lookups = batch.lookups().expect("a batch of a GPU context has lookups");
        let region = lookups.indices.region();
        region.check_copy("reading the batch's indices", 0)?;
        let BufferRegion { buffer, offset, .. } = region;
        let mut indices = Vec::with_capacity(batch.len());
        let bytes = offset..offset + u64::from(lookups.count) * 4;
        gpu.read(buffer, bytes, PIECE_BYTES, waiting, |bytes| {
            indices.extend(bytes.chunks_exact(4).map(bytemuck::pod_read_unaligned::<u32>));
        })
        .await?;
        Ok(indices)
    }
}
