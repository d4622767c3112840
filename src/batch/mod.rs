//! IndexBatch: indices that were validated, uploaded and sorted once, for any number of calls.

mod indices;

use std::sync::{Arc, OnceLock};

pub use indices::{HostIndices, Index};

use crate::config::TableSpec;
use crate::context::GpuContext;
use crate::error::{Error, Result};
use crate::gpu::TableLayout;
use crate::gpu::batch::{BatchPool, GpuLookups, SortedRuns, copied, resident, upload, upload_unsorted};
use crate::gpu::plan::SortPlan;
use crate::gpu::readback::Waiting;
use crate::gpu::region::BufferRegion;
use crate::stream::IndexStream;

/// A batch of indices for one table, or for others of the same rows on the same context.
///
/// Tables of another `output_dim` take it too, such as one of factors and one of biases, as long as `input_dim`, `padding_idx`
/// and the split over buffers are the same (all that fit one buffer are).
///
/// Made by [`GpuEmbedding::batch`](crate::GpuEmbedding::batch), [`stream`](crate::GpuEmbedding::stream) or
/// [`batch_from_buffer`](crate::GpuEmbedding::batch_from_buffer). Validation, upload and sorting happen there, once;
/// lookups and updates then take it by reference.
#[derive(Debug)]
pub struct IndexBatch {
    maker: BatchMaker,
    shape: Vec<usize>,
    pub(crate) data: BatchData,
}

#[derive(Debug)]
pub(crate) enum BatchData {
    /// For the CPU reference.
    Reference { indices: Vec<u32>, rows: Vec<u32> },
    /// Made from host indices, all of them rows of the table.
    Sorted { indices: Vec<u32>, rows: Vec<u32>, lookups: GpuLookups, runs: Box<SortedRuns> },
    /// Made from host indices, all of them rows of the table, which the GPU sorts each time that they train.
    Unsorted(Box<Unsorted>),
    /// Indices that another kernel writes: checked, and sorted, on the GPU, each time anew. What sorting takes is allocated
    /// when it is first asked for.
    Resident { lookups: GpuLookups, runs: OnceLock<Box<SortedRuns>> },
}

/// A batch that the GPU sorts. What the host must know of its rows, where it is asked, is found then.
#[derive(Debug)]
pub(crate) struct Unsorted {
    pub indices: Vec<u32>,
    lookups: GpuLookups,
    runs: OnceLock<SortedRuns>,
    rows: OnceLock<Vec<u32>>,
    /// Sorted on the host, for calls that hand out a gradient for each row.
    sorted: OnceLock<(GpuLookups, SortedRuns)>,
}

/// Who sorts the batches that a [`BatchMaker`] makes of host indices. Results have the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sorting {
    /// The host, once, when the batch is made: some nanoseconds a lookup. Best for a batch that is used again and again, and
    /// where the GPU has more to do than the host.
    Host,
    /// The GPU, in each call that sums a gradient: the host then validates and uploads indices alone. Best for streams of
    /// batches that are used once, on hardware. Row gradients alone need the host's sort, which is made when they are asked for.
    Gpu,
}

impl IndexBatch {
    /// The indices' shape; a lookup's output has `output_dim` appended.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many lookups it has.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no lookups.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its indices, in batch order; `None` if they are GPU-resident.
    pub fn indices(&self) -> Option<&[u32]> {
        match &self.data {
            BatchData::Reference { indices, .. } | BatchData::Sorted { indices, .. } => Some(indices),
            BatchData::Unsorted(unsorted) => Some(&unsorted.indices),
            BatchData::Resident { .. } => None,
        }
    }

    /// The distinct rows that get a gradient, rising: all but `padding_idx`. Of a batch that the GPU sorts
    /// ([`Sorting::Gpu`]) they are found when they are first asked for.
    ///
    /// `None` if the indices are GPU-resident.
    pub fn unique_rows(&self) -> Option<&[u32]> {
        match &self.data {
            BatchData::Reference { rows, .. } | BatchData::Sorted { rows, .. } => Some(rows),
            BatchData::Unsorted(unsorted) => Some(unsorted.rows.get_or_init(|| {
                let trains = |row: &u32| self.maker.trains(*row);
                let mut rows: Vec<u32> = unsorted.indices.iter().copied().filter(trains).collect();
                rows.sort_unstable();
                rows.dedup();
                rows
            })),
            BatchData::Resident { .. } => None,
        }
    }

    /// The indices as the GPU has them, u32, for the caller's own kernels: a mask, say, is `index != 0`.
    ///
    /// The batch must outlive the submission of what reads them. `None` where the context is the CPU reference.
    ///
    /// ```
    /// # use wgpu_embedding::{IndexBatch, wgpu};
    /// fn bind(device: &wgpu::Device, layout: &wgpu::BindGroupLayout, batch: &IndexBatch) -> Option<wgpu::BindGroup> {
    ///     let indices = batch.index_buffer()?;
    ///     Some(device.create_bind_group(&wgpu::BindGroupDescriptor {
    ///         label: None,
    ///         layout,
    ///         entries: &[wgpu::BindGroupEntry { binding: 0, resource: indices.as_binding() }],
    ///     }))
    /// }
    /// ```
    pub fn index_buffer(&self) -> Option<BufferRegion<'_>> {
        self.lookups().map(|lookups| lookups.indices.region())
    }

    pub(crate) fn lookups(&self) -> Option<&GpuLookups> {
        match &self.data {
            BatchData::Reference { .. } => None,
            BatchData::Sorted { lookups, .. } | BatchData::Resident { lookups, .. } => Some(lookups),
            BatchData::Unsorted(unsorted) => Some(&unsorted.lookups),
        }
    }

    /// Its lookups, where nobody has checked them.
    pub(crate) fn unchecked(&self) -> Option<&GpuLookups> {
        match &self.data {
            BatchData::Resident { lookups, .. } => Some(lookups),
            BatchData::Reference { .. } | BatchData::Sorted { .. } | BatchData::Unsorted(_) => None,
        }
    }

    /// The sorted batch, on the GPU, for an update.
    pub(crate) fn runs(&self) -> Result<&SortedRuns> {
        match &self.data {
            BatchData::Sorted { runs, .. } => Ok(runs),
            BatchData::Resident { lookups, runs } => {
                if let Some(runs) = runs.get() {
                    return Ok(runs);
                }
                let sorted = self.maker.sorted_on_the_gpu(lookups)?;
                Ok(runs.get_or_init(|| Box::new(sorted)))
            }
            BatchData::Unsorted(unsorted) => {
                if let Some(runs) = unsorted.runs.get() {
                    return Ok(runs);
                }
                let sorted = self.maker.sorted_on_the_gpu(&unsorted.lookups)?;
                Ok(unsorted.runs.get_or_init(|| sorted))
            }
            BatchData::Reference { .. } => Err(Error::NeedsGpu { call: "sorting on the GPU" }),
        }
    }

    /// The same for calls that hand out a gradient for each row: of host indices as many runs as there are rows.
    pub(crate) fn runs_of_rows(&self) -> Result<&SortedRuns> {
        let BatchData::Unsorted(unsorted) = &self.data else { return self.runs() };
        if let Some((_, runs)) = unsorted.sorted.get() {
            return Ok(runs);
        }
        let gpu = self.maker.context.inner().expect("uploaded to a GPU");
        let (sorted, _) = self.maker.with_plan(&unsorted.indices, |plan| {
            upload(gpu, &self.maker.pool, &self.maker.layout, &unsorted.indices, plan)
        })?;
        Ok(&unsorted.sorted.get_or_init(|| sorted).1)
    }

    /// Keeps its buffers from being filled again until what is recorded has run.
    pub(crate) fn hold(&self, encoder: &wgpu::CommandEncoder) {
        match &self.data {
            BatchData::Reference { .. } => {}
            // All in one buffer.
            BatchData::Sorted { lookups, .. } => lookups.indices.hold(encoder),
            BatchData::Resident { lookups, runs } => {
                lookups.indices.hold(encoder);
                runs.get().into_iter().for_each(|runs| runs.hold(encoder));
            }
            BatchData::Unsorted(unsorted) => {
                unsorted.lookups.indices.hold(encoder);
                let sorted = unsorted.sorted.get().map(|(_, runs)| runs);
                unsorted.runs.get().into_iter().chain(sorted).for_each(|runs| runs.hold(encoder));
            }
        }
    }

    /// The distinct rows that the last sort on the GPU found.
    pub(crate) async fn read_rows(&self, waiting: Waiting) -> Result<Vec<u32>> {
        let gpu = self.maker.context.inner().ok_or(Error::NeedsGpu { call: "reading rows" })?;
        self.runs()?.read_rows(gpu, waiting).await
    }

    /// Checks that a table can take this batch.
    pub(crate) fn check_made_by(&self, table: &BatchMaker) -> Result<()> {
        if self.maker.serves(table) {
            return Ok(());
        }
        Err(Error::BatchMismatch { made_for: self.maker.describe(), this: table.describe() })
    }
}

/// Makes batches for one table, on any thread: for workers of the caller's own, and for
/// [`IndexStream::prepare`](crate::IndexStream::prepare). Made by
/// [`GpuEmbedding::batch_maker`](crate::GpuEmbedding::batch_maker), which it does not borrow; clones are cheap, and share the
/// buffers that batches leave behind.
#[derive(Debug, Clone)]
pub struct BatchMaker {
    pub(crate) context: GpuContext,
    pub(crate) layout: TableLayout,
    pub(crate) spec: Arc<TableSpec>,
    pub(crate) pool: Arc<BatchPool>,
    pub(crate) sorting: Sorting,
}

impl BatchMaker {
    /// Who sorts the batches that it makes from now on; the host unless this is called. On the CPU reference the host does.
    #[must_use]
    pub fn with_sorting(self, sorting: Sorting) -> Self {
        Self { sorting, ..self }
    }

    /// As [`GpuEmbedding::stream_with_depth`](crate::GpuEmbedding::stream_with_depth), with batches that are sorted as
    /// this maker's are.
    pub fn stream<I>(self, batches: I, depth: usize) -> IndexStream
    where
        I: IntoIterator,
        I::IntoIter: Send + 'static,
        I::Item: HostIndices,
    {
        IndexStream::new(self, batches.into_iter(), depth)
    }

    /// As [`GpuEmbedding::batch`](crate::GpuEmbedding::batch): validates, sorts and uploads.
    ///
    /// # Errors
    ///
    /// As [`GpuEmbedding::batch`](crate::GpuEmbedding::batch).
    pub fn batch<T: HostIndices + ?Sized>(&self, indices: &T) -> Result<IndexBatch> {
        let (indices, shape) = indices::validate(indices, self.layout.input_dim, self.spec.input_length)?;
        let data = match (self.context.inner(), self.sorting) {
            (None, _) => {
                let ((), rows) = self.with_plan(&indices, |_| Ok(()))?;
                BatchData::Reference { indices, rows }
            }
            (Some(gpu), Sorting::Host) => {
                let upload = |plan: &SortPlan| upload(gpu, &self.pool, &self.layout, &indices, plan);
                let ((lookups, runs), rows) = self.with_plan(&indices, upload)?;
                BatchData::Sorted { indices, rows, lookups, runs: Box::new(runs) }
            }
            (Some(gpu), Sorting::Gpu) => {
                let lookups = upload_unsorted(gpu, &self.pool, &self.layout, &indices)?;
                // What can fail fails here, and what takes the host's time is off the training thread.
                let runs = if self.spec.trainable {
                    OnceLock::from(self.sorted_on_the_gpu(&lookups)?)
                } else {
                    OnceLock::new()
                };
                BatchData::Unsorted(Box::new(Unsorted {
                    indices,
                    lookups,
                    runs,
                    rows: OnceLock::new(),
                    sorted: OnceLock::new(),
                }))
            }
        };
        Ok(IndexBatch { maker: self.clone(), shape, data })
    }

    /// Sorts what trains of a batch, for `take`; gives its rows too.
    fn with_plan<T>(&self, indices: &[u32], take: impl FnOnce(&SortPlan) -> Result<T>) -> Result<(T, Vec<u32>)> {
        let plan = SortPlan::new(indices, &self.layout, |row| self.trains(row), self.pool.take_scratch())?;
        let taken = take(&plan)?;
        let (rows, scratch) = plan.into_rows();
        self.pool.give_scratch(scratch);
        Ok((taken, rows))
    }

    /// Prepares a sort on the GPU.
    fn sorted_on_the_gpu(&self, lookups: &GpuLookups) -> Result<SortedRuns> {
        let gpu = self.context.inner().expect("lookups on a GPU");
        SortedRuns::on_the_gpu(gpu, &self.pool, lookups, &self.layout, self.spec.padding_idx)
    }

    /// Takes indices that are on the GPU.
    pub(crate) fn make_resident(&self, region: BufferRegion<'_>, shape: &[usize]) -> Result<IndexBatch> {
        let gpu = self.context.inner().ok_or(Error::NeedsGpu { call: "batch_from_buffer" })?;
        let count = self.count_resident(shape)?;
        Ok(self.unchecked(shape, resident(gpu, region, count)?))
    }

    /// Copies indices that are on the GPU.
    pub(crate) fn make_copy(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        parts: &[BufferRegion<'_>],
        shape: &[usize],
    ) -> Result<IndexBatch> {
        let gpu = self.context.inner().ok_or(Error::NeedsGpu { call: "record_batch" })?;
        let count = self.count_resident(shape)?;
        let required = u64::from(count) * 4;
        let given = parts.iter().map(|part| part.size).sum::<u64>();
        if given != required {
            let given = format!("{given} bytes");
            return Err(Error::Shape { what: "the parts of a batch", required: format!("{required} bytes"), given });
        }
        Ok(self.unchecked(shape, copied(gpu, &self.pool, encoder, parts, count)?))
    }

    /// How many indices a shape has.
    fn count_resident(&self, shape: &[usize]) -> Result<u32> {
        let count = shape.iter().try_fold(1usize, |product, &extent| product.checked_mul(extent));
        let count = count.unwrap_or(usize::MAX);
        indices::validate_shape(shape, count, self.spec.input_length)?;
        Ok(count as u32)
    }

    fn unchecked(&self, shape: &[usize], lookups: GpuLookups) -> IndexBatch {
        let data = BatchData::Resident { lookups, runs: OnceLock::new() };
        IndexBatch { maker: self.clone(), shape: shape.to_vec(), data }
    }

    /// Whether lookups of this row get a gradient.
    pub(crate) fn trains(&self, row: u32) -> bool {
        row < self.layout.input_dim && Some(row) != self.spec.padding_idx
    }

    /// Whether a table of another maker's has the same rows, in the same shards; how wide they are is nothing to a batch.
    fn serves(&self, table: &Self) -> bool {
        let rows = |maker: &Self| (maker.layout.input_dim, maker.layout.rows_per_shard, maker.spec.padding_idx);
        self.context == table.context && rows(self) == rows(table)
    }

    fn describe(&self) -> String {
        let TableLayout { input_dim, rows_per_shard, .. } = self.layout;
        let padding = self.spec.padding_idx.map_or(String::new(), |row| format!(", padding_idx {row}"));
        format!("{input_dim} rows in shards of {rows_per_shard}{padding}, on {}", self.context)
    }
}
