//! GpuEmbedding: the table, lookup, update, weights in and out.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::batch::{BatchData, BatchMaker, HostIndices, Index, IndexBatch};
use crate::config::EmbeddingConfig;
use crate::context::GpuContext;
use crate::error::{Error, Result};
use crate::gpu::TableLayout;
use crate::gpu::batch::{SortedRuns, upload};
use crate::gpu::device::Gpu;
use crate::gpu::kernels::adam::AdamStep;
use crate::gpu::plan::SortPlan;
use crate::gpu::readback::{PIECE_BYTES, Waiting};
use crate::gpu::record::BatchGradient;
use crate::gpu::region::BufferRegion;
use crate::gpu::table::{GpuTable, Part};
use crate::initializer::RowGenerator;
use crate::optimizer::{Adam, check_learning_rate};
use crate::reference::table::ReferenceTable;
use crate::reference::{self, RowSums};
use crate::stream::IndexStream;
use crate::tensor::{Gradient, GradientSource, Tensor};

/// Batches that [`GpuEmbedding::stream`] prepares ahead.
const STREAM_DEPTH: usize = 2;

/// An embedding table that lives and trains on the GPU, or on the CPU reference.
///
/// A table of `input_dim` rows by `output_dim` floats. A batch of indices looks rows up; the gradient of what was looked
/// up is summed per row and Adam updates the table.
///
/// There are two ways to drive it, and they may be mixed:
///
/// - **From the host**: [`lookup`](Self::lookup) and [`update`](Self::update) submit at once and give or take tensors.
///   They work on every context.
/// - **Recorded**: [`record_lookup`](Self::record_lookup) and [`record_update`](Self::record_update) add commands to the
///   caller's encoder, on the caller's buffers, between the caller's own passes, and do nothing else: no submission, no
///   wait, no write through the queue. They need a GPU.
///
/// Recorded calls never wait, so a loop that only records and submits must hold back by itself, or submit through
/// [`GpuContext::submit`]. What is recorded takes effect in the order in which it is submitted; what is called from the host, at once. So submit
/// a recorded update before reading or setting weights that depend on it.
///
/// ```
/// use wgpu_embedding::{Adam, EmbeddingConfig, GpuContext, GpuEmbedding};
///
/// let context = GpuContext::auto()?;
/// let config = EmbeddingConfig::new(1_000, 16).with_seed(7);
/// let mut embedding = GpuEmbedding::new(&context, config, Adam::default().with_learning_rate(0.01))?;
///
/// // Pull the rows 1, 2 and 3 towards zero: the loss is half the sum of squares, so its gradient is the output.
/// let batch = embedding.batch(&[[1, 2], [3, 1]])?;
/// for _ in 0..10 {
///     let output = embedding.lookup(&batch)?;
///     assert_eq!(output.shape(), [2, 2, 16]);
///     embedding.update(&batch, &output)?;
/// }
/// assert_eq!(embedding.step_count(), 10);
/// # Ok::<(), wgpu_embedding::Error>(())
/// ```
#[derive(Debug)]
pub struct GpuEmbedding {
    maker: BatchMaker,
    table: Table,
    optimizer: Adam,
    step_count: u64,
    mask_zero: bool,
    trainable: bool,
}

#[derive(Debug)]
enum Table {
    Gpu(Arc<Gpu>, GpuTable),
    Reference(ReferenceTable),
}

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

/// The gradient by itself: the batch's distinct rows with their sums.
#[derive(Debug, Clone)]
pub struct RowGradient {
    /// The distinct rows, rising; `padding_idx` and indices outside the table are not among them.
    pub rows: Vec<u32>,
    /// The sum of each row's gradients, `[rows.len(), output_dim]`.
    pub sums: Tensor,
}

impl GpuEmbedding {
    /// Makes a table and its optimizer state.
    ///
    /// A large table is drawn and uploaded piece by piece; no copy of it is made on the host.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] for a setting of `config` or `optimizer` out of range; [`Error::TooLarge`] if a row
    /// does not fit the device's bindings, [`Error::OutOfMemory`] if the table does not fit the device.
    pub fn new(context: &GpuContext, config: EmbeddingConfig, optimizer: Adam) -> Result<Self> {
        config.validate()?;
        optimizer.validate()?;
        let adam = config.trainable.then_some(&optimizer);
        let mut rows = RowGenerator::new(&config)?;
        let (layout, table) = match context.inner() {
            Some(gpu) => {
                let layout = TableLayout::new(&config, &gpu.limits)?;
                let table = GpuTable::new(gpu, layout, adam)?;
                table.write_weights(gpu, |row| rows.fill_row(row))?;
                (layout, Table::Gpu(gpu.clone(), table))
            }
            None => {
                let (input_dim, output_dim) = (config.input_dim, config.output_dim);
                let layout = TableLayout { input_dim, output_dim, rows_per_shard: input_dim };
                let mut table = ReferenceTable::new(input_dim as usize, output_dim as usize, adam)?;
                for row in table.state.weights.chunks_exact_mut(output_dim as usize) {
                    rows.fill_row(row);
                }
                (layout, Table::Reference(table))
            }
        };
        let maker = BatchMaker {
            context: context.clone(),
            layout,
            padding_idx: config.padding_idx,
            input_length: config.input_length,
            pool: Arc::default(),
        };
        Ok(Self { maker, table, optimizer, step_count: 0, mask_zero: config.mask_zero, trainable: config.trainable })
    }

    // ---- what it is -----------------------------------------------------------------------------------------------

    /// The context it lives on.
    pub fn context(&self) -> &GpuContext {
        &self.maker.context
    }

    /// Rows of the table.
    #[doc(alias = "num_embeddings")]
    pub fn input_dim(&self) -> u32 {
        self.maker.layout.input_dim
    }

    /// Floats in a row.
    #[doc(alias = "embedding_dim")]
    pub fn output_dim(&self) -> u32 {
        self.maker.layout.output_dim
    }

    /// How many GPU buffers the weights are split over; 1 on the CPU reference.
    pub fn shard_count(&self) -> u32 {
        self.maker.layout.shard_count()
    }

    /// Whether it can be updated.
    pub fn trainable(&self) -> bool {
        self.trainable
    }

    /// Adam's settings, with the learning rate as it is now.
    pub fn optimizer(&self) -> &Adam {
        &self.optimizer
    }

    /// The learning rate of the next update.
    pub fn learning_rate(&self) -> f64 {
        self.optimizer.learning_rate
    }

    /// Changes the learning rate, from the next update that is made or recorded.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] if it is negative or not finite.
    pub fn set_learning_rate(&mut self, learning_rate: f64) -> Result<()> {
        check_learning_rate(learning_rate)?;
        self.optimizer.learning_rate = learning_rate;
        Ok(())
    }

    /// How many updates were made or recorded; the next one is step `step_count() + 1`.
    #[doc(alias = "iterations")]
    pub fn step_count(&self) -> u64 {
        self.step_count
    }

    // ---- batches --------------------------------------------------------------------------------------------------

    /// Validates, uploads and sorts a batch of host indices, of any shape and any integer type.
    ///
    /// # Errors
    ///
    /// [`Error::IndexOutOfRange`] names the first bad index; [`Error::Shape`] if the shape does not hold the indices,
    /// or its last dimension is not `input_length`; [`Error::TooLarge`] and [`Error::OutOfMemory`] from the upload.
    ///
    /// ```
    /// # use wgpu_embedding::{Adam, EmbeddingConfig, Error, GpuContext, GpuEmbedding};
    /// # let context = GpuContext::auto()?;
    /// let embedding = GpuEmbedding::new(&context, EmbeddingConfig::new(10, 4), Adam::default())?;
    /// assert_eq!(embedding.batch(&[1u8, 2, 3])?.shape(), [3]);
    /// assert_eq!(embedding.batch(&vec![[1i64, 2], [3, 4]])?.shape(), [2, 2]);
    /// assert_eq!(embedding.batch(&(vec![1u32; 24], [2, 3, 4]))?.shape(), [2, 3, 4]);
    /// let error = embedding.batch(&[1, 2, -3]).unwrap_err();
    /// assert_eq!(error.to_string(), "index -3 at position 2 is outside the table's rows 0..10");
    /// # Ok::<(), Error>(())
    /// ```
    pub fn batch<T: HostIndices + ?Sized>(&self, indices: &T) -> Result<IndexBatch> {
        self.maker.make(indices)
    }

    /// Takes indices that another kernel writes: u32, row-major, `shape`'s product of them from the region's start.
    ///
    /// Nothing is read here: each lookup and update uses what the buffer holds when its commands run. An index outside
    /// the table gives zeros and no gradient, and is counted: see [`check`](Self::check). The buffer needs the usage
    /// `STORAGE`, and `COPY_SRC` too if the host-driven [`update`](Self::update) or [`mask`](Self::mask) is to read it.
    ///
    /// # Errors
    ///
    /// [`Error::NeedsGpu`] on the CPU reference; [`Error::BufferTooSmall`], [`Error::BufferUsage`],
    /// [`Error::BufferAlignment`], [`Error::TooLarge`] of the region; [`Error::Shape`] as for
    /// [`batch`](Self::batch).
    pub fn batch_from_buffer<'a>(&self, indices: impl Into<BufferRegion<'a>>, shape: &[usize]) -> Result<IndexBatch> {
        self.maker.make_resident(indices.into(), shape)
    }

    /// Prepares batches ahead, on a worker thread: validates, sorts and uploads the next two while the GPU computes.
    ///
    /// The stream does not borrow the embedding. See [`IndexStream`] for order, errors and the end.
    ///
    /// ```
    /// # use wgpu_embedding::{Adam, EmbeddingConfig, Error, GpuContext, GpuEmbedding};
    /// # let context = GpuContext::auto()?;
    /// # let mut embedding = GpuEmbedding::new(&context, EmbeddingConfig::new(10, 4), Adam::default())?;
    /// let epoch = vec![vec![1, 2, 3], vec![4, 5], vec![6]];
    /// for batch in embedding.stream(epoch) {
    ///     let batch = batch?;
    ///     let output = embedding.lookup(&batch)?;
    ///     embedding.update(&batch, &output)?;
    /// }
    /// # Ok::<(), Error>(())
    /// ```
    pub fn stream<I>(&self, batches: I) -> IndexStream
    where
        I: IntoIterator,
        I::IntoIter: Send + 'static,
        I::Item: HostIndices,
    {
        self.stream_with_depth(batches, STREAM_DEPTH)
    }

    /// As [`stream`](Self::stream), with at most `depth` batches prepared and not yet taken; 0 counts as 1.
    pub fn stream_with_depth<I>(&self, batches: I, depth: usize) -> IndexStream
    where
        I: IntoIterator,
        I::IntoIter: Send + 'static,
        I::Item: HostIndices,
    {
        IndexStream::new(self.maker.clone(), batches.into_iter(), depth)
    }

    // ---- driven from the host -------------------------------------------------------------------------------------

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

    // ---- recorded -------------------------------------------------------------------------------------------------

    /// Records a lookup into `output`: `[batch.len(), output_dim]` f32, row-major.
    ///
    /// Sees the updates that are submitted before it, and those recorded before it on the same encoder.
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
        hold(encoder, batch);
        Ok(())
    }

    /// Records one step: the scatter-add of `gradient`, `[batch.len(), output_dim]` f32, and Adam's update.
    ///
    /// The step is counted, and its learning rate taken, when it is recorded. Steps must be submitted in the order in
    /// which they were recorded; an encoder that is dropped takes its step with it, and the count stays.
    ///
    /// # Errors
    ///
    /// [`Error::NeedsGpu`] on the CPU reference; [`Error::Frozen`]; [`Error::Unsorted`] for a batch with GPU-resident
    /// indices; [`Error::BatchMismatch`]; [`Error::BufferTooSmall`], [`Error::BufferUsage`],
    /// [`Error::BufferAlignment`], [`Error::TooLarge`] and [`Error::ForeignObject`] of `gradient`. After an error
    /// nothing was recorded and no step counted.
    pub fn record_update<'a>(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        batch: &IndexBatch,
        gradient: impl Into<BufferRegion<'a>>,
    ) -> Result<()> {
        let (gpu, table) = self.gpu_table("record_update")?;
        if !self.trainable {
            return Err(Error::Frozen);
        }
        let gradient = self.sorted_gradient("record_update", batch, gradient.into())?;
        let step = AdamStep::new(&self.optimizer, self.step_count + 1);
        table.record_update(gpu, encoder, gradient, &step)?;
        hold(encoder, batch);
        self.step_count += 1;
        Ok(())
    }

    /// Records the summed gradient of each of [`IndexBatch::unique_rows`] into `output`: `[rows, output_dim]` f32.
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
        let (gpu, table) = self.gpu_table("record_row_gradient")?;
        let gradient = self.sorted_gradient("record_row_gradient", batch, gradient.into())?;
        table.record_row_gradient(gpu, encoder, gradient, output.into())?;
        hold(encoder, batch);
        Ok(())
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
        let (gpu, table) = self.gpu_table("record_dense_gradient")?;
        let gradient = self.sorted_gradient("record_dense_gradient", batch, gradient.into())?;
        table.record_dense_gradient(gpu, encoder, gradient, output.into())?;
        hold(encoder, batch);
        Ok(())
    }

    // ---- weights in and out ---------------------------------------------------------------------------------------

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
    /// A lookup counts what it meets; so does an update that no lookup of the same batch went before.
    ///
    /// # Errors
    ///
    /// [`Error::GpuIndicesOutOfRange`] says how many there were and where the first one stood; this clears the report.
    /// Each readback ([`weights`](Self::weights), [`rows`](Self::rows), [`moments`](Self::moments), and
    /// [`Tensor::read`] of a GPU-resident batch's lookup) asks the same.
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

    // ---- shared by the calls above --------------------------------------------------------------------------------

    fn gpu_table(&self, call: &'static str) -> Result<(&Arc<Gpu>, &GpuTable)> {
        match &self.table {
            Table::Gpu(gpu, table) => Ok((gpu, table)),
            Table::Reference(_) => Err(Error::NeedsGpu { call }),
        }
    }

    fn encode_lookup(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        batch: &IndexBatch,
        output: BufferRegion<'_>,
    ) -> Result<()> {
        let (gpu, table) = self.gpu_table("lookup")?;
        let lookups = batch.lookups().expect("a batch of a GPU context has lookups");
        let resident = match &batch.data {
            BatchData::Resident { counted, .. } => Some(counted),
            _ => None,
        };
        table.record_lookup(gpu, encoder, lookups, resident.is_some(), output)?;
        if let Some(counted) = resident {
            counted.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The batch's gradient with its sorted runs, for a call that can only record.
    fn sorted_gradient<'a>(
        &self,
        call: &'static str,
        batch: &'a IndexBatch,
        region: BufferRegion<'a>,
    ) -> Result<BatchGradient<'a>> {
        batch.check_made_by(&self.maker)?;
        match &batch.data {
            BatchData::Sorted { runs, .. } => Ok(BatchGradient { runs, lookup_count: batch.len() as u32, region }),
            _ => Err(Error::Unsorted { call }),
        }
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
                uploaded = table.upload_gradient(gpu, values)?;
                (&uploaded).into()
            }
        };
        let lookup_count = batch.len() as u32;
        let mut encoder = gpu.encoder("embedding update");
        let value = match &batch.data {
            BatchData::Sorted { runs, rows, .. } => {
                let gradient = BatchGradient { runs, lookup_count, region };
                (record(gpu, table, &mut encoder, gradient)?, rows.clone())
            }
            BatchData::Resident { lookups, counted } => {
                let (runs, rows) = self.sort_on_host(batch)?;
                let gradient = BatchGradient { runs: &runs, lookup_count, region };
                let value = record(gpu, table, &mut encoder, gradient)?;
                if !counted.swap(false, Ordering::Relaxed) {
                    table.record_check(gpu, &mut encoder, lookups)?;
                }
                (value, rows)
            }
            BatchData::Reference { .. } => unreachable!("a batch of the same context"),
        };
        gpu.submit(encoder)?;
        Ok(value)
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

    async fn read_indices(&self, batch: &IndexBatch, waiting: Waiting) -> Result<Vec<u32>> {
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

/// Keeps the batch's buffers from being filled again before the recording has run.
fn hold(encoder: &wgpu::CommandEncoder, batch: &IndexBatch) {
    if let Some(lookups) = batch.lookups() {
        lookups.indices.hold(encoder);
    }
}
