//! GpuEmbedding: what it is and how batches are made for it; `host` drives it, `record` records it, `state` reads and
//! sets what it holds, `similarity` finds the rows nearest to others, `checkpoint` and `plain` bring it to files and back.

#[cfg(all(feature = "files", not(target_arch = "wasm32")))]
mod checkpoint;
mod host;
#[cfg(all(feature = "files", not(target_arch = "wasm32")))]
mod plain;
mod record;
#[cfg(test)]
mod segments_tests;
mod similarity;
mod state;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub use host::RowGradient;
#[cfg(feature = "vectors")]
pub(crate) use similarity::directions;
pub use similarity::{Neighbour, Search, Similarity};
pub use state::WeightShard;

use crate::batch::{BatchMaker, HostIndices, IndexBatch, Sorting};
use crate::config::{EmbeddingConfig, TableSpec, WEIGHT};
use crate::context::GpuContext;
use crate::error::{Error, Result};
use crate::gpu::TableLayout;
use crate::gpu::device::Gpu;
use crate::gpu::mapping::Mapping;
use crate::gpu::region::BufferRegion;
use crate::gpu::state::element_arrays;
use crate::gpu::table::GpuTable;
use crate::optimizer::Optimizer;
use crate::reference::Rounder;
use crate::reference::table::ReferenceTable;
use crate::row_generator::RowGenerator;
use crate::storage::{Precision, Rounding, Storage, rounding_seed};
use crate::stream::IndexStream;

/// Batches that [`GpuEmbedding::stream`] prepares ahead.
const STREAM_DEPTH: usize = 2;

/// An embedding table that lives and trains on the GPU, or on the CPU reference.
///
/// A table of `input_dim` rows by `output_dim` floats. A batch of indices looks rows up; the gradient of what was looked
/// up is summed per row and an optimizer updates the table: [`Adam`](crate::Adam) and what else [`Optimizer`] has.
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
/// [`GpuContext::submit`]. What is recorded takes effect in the order in which it is submitted; what is called from the
/// host, at once. So submit a recorded update before reading or setting weights that depend on it.
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
    optimizer: Optimizer,
    step_count: u64,
}

#[derive(Debug)]
enum Table {
    Gpu(Arc<Gpu>, Box<GpuTable>),
    /// Locked, for what only reads it may have to bring its rows up to date, as on a GPU.
    Reference(Box<RwLock<ReferenceTable>>),
}

/// Locks a table on the host, also after a panic elsewhere.
fn read(table: &RwLock<ReferenceTable>) -> RwLockReadGuard<'_, ReferenceTable> {
    table.read().unwrap_or_else(PoisonError::into_inner)
}

/// As [`read`], to change it.
fn write(table: &RwLock<ReferenceTable>) -> RwLockWriteGuard<'_, ReferenceTable> {
    table.write().unwrap_or_else(PoisonError::into_inner)
}

impl GpuEmbedding {
    /// Makes a table and its optimizer state.
    ///
    /// A large table is drawn, or read from its file, and uploaded piece by piece; no copy of it is made on the host.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] for a setting of `config` or `optimizer` out of range; [`Error::TooLarge`] if a row
    /// does not fit the device's bindings, [`Error::OutOfMemory`] if the table does not fit the device;
    /// [`Error::File`], [`Error::Malformed`] and [`Error::Shape`] of the file that an initializer reads.
    pub fn new(context: &GpuContext, config: EmbeddingConfig, optimizer: impl Into<Optimizer>) -> Result<Self> {
        config.validate()?;
        let mut rows = RowGenerator::new(&config)?;
        Self::with_rows(context, &config, optimizer.into(), |row| rows.fill_row(row))
    }

    /// A table whose weights `fill_row` gives, called for each row in order. `config` must be valid; its initializer is not
    /// asked.
    fn with_rows(
        context: &GpuContext,
        config: &EmbeddingConfig,
        optimizer: Optimizer,
        fill_row: impl FnMut(&mut [f32]) -> Result<()>,
    ) -> Result<Self> {
        optimizer.validate()?;
        let trained_by = config.trainable.then_some(&optimizer);
        let precision = Precision::new(config.storage, config.rounding);
        let (layout, table) = match context.inner() {
            Some(gpu) => {
                let arrays = trained_by.map_or(0, element_arrays);
                let EmbeddingConfig { input_dim, output_dim, max_shard_bytes, .. } = *config;
                let layout = TableLayout::new(input_dim, output_dim, arrays, max_shard_bytes, &gpu.limits)?;
                let table = GpuTable::new(gpu, layout, (precision, rounding_seed(config.seed)), trained_by)?;
                table.write(gpu, WEIGHT, fill_row)?;
                (layout, Table::Gpu(gpu.clone(), Box::new(table)))
            }
            None => {
                let (input_dim, output_dim) = (config.input_dim, config.output_dim);
                let layout = TableLayout { input_dim, output_dim, rows_per_shard: input_dim };
                let size = [input_dim as usize, output_dim as usize];
                let rounder = Rounder::new(precision, rounding_seed(config.seed));
                let mut table = ReferenceTable::new(size, rounder, trained_by, 0)?;
                table.set_weights(fill_row)?;
                (layout, Table::Reference(Box::new(RwLock::new(table))))
            }
        };
        let maker = BatchMaker {
            context: context.clone(),
            layout,
            spec: Arc::new(config.spec()),
            pool: Arc::default(),
            sorting: Sorting::Host,
        };
        Ok(Self { maker, table, optimizer, step_count: 0 })
    }

    fn spec(&self) -> &TableSpec {
        &self.maker.spec
    }

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
        self.spec().trainable
    }

    /// Whether [`mask`](Self::mask) gives a mask.
    pub fn mask_zero(&self) -> bool {
        self.spec().mask_zero
    }

    /// The row that gets no gradient, if there is one.
    pub fn padding_idx(&self) -> Option<u32> {
        self.spec().padding_idx
    }

    /// The last dimension that batches must have, if it is set.
    pub fn input_length(&self) -> Option<usize> {
        self.spec().input_length
    }

    /// The seed that the table was made with.
    pub fn seed(&self) -> u64 {
        self.spec().seed
    }

    /// How the weights are kept.
    pub fn storage(&self) -> Storage {
        self.spec().precision.storage
    }

    /// How weights in half precision are rounded.
    pub fn rounding(&self) -> Rounding {
        self.spec().precision.rounding
    }

    /// The optimizer's settings, with the learning rate as it is now.
    pub fn optimizer(&self) -> &Optimizer {
        &self.optimizer
    }

    /// The learning rate of the next update.
    pub fn learning_rate(&self) -> f64 {
        self.optimizer.learning_rate()
    }

    /// Changes the learning rate, from the next update that is made or recorded.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] if it is negative, not finite, or too large for f32, and where the settings with it have no
    /// deferred form: see [`Optimizer::validate`].
    pub fn set_learning_rate(&mut self, learning_rate: f64) -> Result<()> {
        let optimizer = self.optimizer.with_learning_rate(learning_rate);
        optimizer.validate()?;
        self.optimizer = optimizer;
        Ok(())
    }

    /// How many updates were made or recorded; the next one is step `step_count() + 1`.
    #[doc(alias = "iterations")]
    pub fn step_count(&self) -> u64 {
        self.step_count
    }

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
        self.maker.batch(indices)
    }

    /// What makes batches for this table on other threads, without borrowing it.
    pub fn batch_maker(&self) -> BatchMaker {
        self.maker.clone()
    }

    /// Takes indices that another kernel writes: u32, row-major, `shape`'s product of them from the region's start.
    ///
    /// Nothing is read here: each lookup and update uses what the buffer holds when its commands run. An index outside
    /// the table gives zeros and no gradient, and is counted: see [`check`](Self::check). [`PADDING`](crate::PADDING), for
    /// a place in the batch that no lookup takes, does the same uncounted. Each update sorts them anew, on the GPU. The buffer
    /// needs the usage `STORAGE`, and `COPY_SRC` too if [`mask`](Self::mask) is to read it.
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
    /// On hardware the GPU sorts them, unless the table is split over several buffers; elsewhere the worker does.
    /// [`BatchMaker::with_sorting`] and [`BatchMaker::stream`] choose.
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

    /// As [`stream`](Self::stream), with at most `depth` batches prepared and not yet taken: 1 to 1,024, and what
    /// is outside counts as the nearer of them.
    pub fn stream_with_depth<I>(&self, batches: I, depth: usize) -> IndexStream
    where
        I: IntoIterator,
        I::IntoIter: Send + 'static,
        I::Item: HostIndices,
    {
        self.batch_maker().with_sorting(self.sorting_of_streams()).stream(batches, depth)
    }

    /// The GPU's own sort goes through all shards with the whole batch.
    fn sorting_of_streams(&self) -> Sorting {
        let is_hardware = self.context().inner().is_some_and(|gpu| gpu.mapping == Mapping::Gpu);
        if is_hardware && self.shard_count() == 1 { Sorting::Gpu } else { Sorting::Host }
    }

    pub(super) fn gpu_table(&self, call: &'static str) -> Result<(&Arc<Gpu>, &GpuTable)> {
        match &self.table {
            Table::Gpu(gpu, table) => Ok((gpu, table)),
            Table::Reference(_) => Err(Error::NeedsGpu { call }),
        }
    }
}
