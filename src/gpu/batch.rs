//! A batch on the GPU: its indices, and its runs sorted for the scatter-add.

use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock};

use super::TableLayout;
use super::device::{Dispatch, Gpu, lock};
use super::host_sort::SortScratch;
use super::kernels::parts;
use super::lookups::{LookupLayout, ShardLookups};
use super::plan::{PlanLayout, SortPlan, partial_levels};
use super::readback::{PIECE_BYTES, Waiting};
use super::region::{BufferRegion, check_binding_size};
use super::sort::{self, GpuSort};
use crate::error::Result;

/// Sections of a batch's buffer start at multiples of this: the strictest alignment that WebGPU knows.
const ALIGNMENT: u64 = 256;

/// Idle buffers that a pool keeps.
const MAX_IDLE: usize = 16;

/// Bytes of a sort's memory that a pool keeps: those of a batch of four million lookups.
const MAX_SCRATCH_BYTES: usize = 64 << 20;

/// The lookups of a batch, for the gather and the index check.
#[derive(Debug, Clone)]
pub(crate) struct GpuLookups {
    pub count: u32,
    /// In batch order.
    pub indices: Section,
    /// A [`LookupLayout`] uniform, and what it is of: the indices themselves, or [`ShardLookups`].
    layout: Section,
    lookups: Section,
    /// How many there are of each shard, where there are several and the host knows.
    pub of_shards: Option<Vec<u32>>,
    group: OnceLock<wgpu::BindGroup>,
}

impl GpuLookups {
    /// Group 1 of all kernels that take them, of [`parts::LOOKUPS`].
    pub(crate) fn group(&self, gpu: &Gpu) -> Result<&wgpu::BindGroup> {
        once(&self.group, || {
            let bindings: Vec<_> = parts::LOOKUPS.bindings.iter().collect();
            let resources = [("batch", self.layout.binding()), ("lookups", self.lookups.binding())];
            gpu.bind_group("lookups", &bindings, &resources)
        })
    }
}

/// A sorted batch, for the scatter-add and the update.
///
/// All that the gradient's side needs to know of a batch: whoever sorts, the host or the GPU, fills its plan.
#[derive(Debug, Clone)]
pub(crate) struct SortedRuns {
    /// Lookups in the batch, the gradient's rows; more than are sorted where some do not train.
    pub lookup_count: u32,
    /// What each shard has of it; where the GPU sorts, the most that there can be.
    pub shards: Vec<ShardRuns>,
    /// Runs in all shards, likewise.
    pub run_count: u32,
    /// What sorts the batch on the GPU, before each use.
    pub sort: Vec<Dispatch>,
    plan: Section,
    indices: Section,
    /// Where in the plan the rows begin, in words.
    rows_word: u32,
    /// A [`PlanLayout`] uniform.
    layout: Section,
    group: OnceLock<wgpu::BindGroup>,
}

/// What a shard has of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShardRuns {
    pub run_count: u32,
    /// Lookups in the longest run.
    pub longest: u32,
}

impl SortedRuns {
    /// Group 1 of all kernels that take it, of [`parts::PLAN`].
    pub(crate) fn group(&self, gpu: &Gpu) -> Result<&wgpu::BindGroup> {
        once(&self.group, || {
            let bindings: Vec<_> = parts::PLAN.bindings.iter().collect();
            let resources = [("batch", self.layout.binding()), ("plan", self.plan.binding())];
            gpu.bind_group("sorted batch", &bindings, &resources)
        })
    }

    /// Prepares the sort of a GPU-resident batch.
    pub(crate) fn on_the_gpu(
        gpu: &Gpu,
        pool: &Arc<BatchPool>,
        lookups: &GpuLookups,
        table: &TableLayout,
        padding_idx: Option<u32>,
    ) -> Result<Self> {
        let count = lookups.count;
        let (layout, words) = PlanLayout::new(count, count, count, table.shard_count())?;
        let bytes = words * 4;
        check_binding_size("the sorted batch", bytes, &gpu.limits)?;
        let plan = match count {
            // Nothing sorts an empty batch: its plan is zeros, as a new buffer is.
            0 => {
                let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
                Section::of_buffer(gpu.allocate("plan", bytes, usage)?)
            }
            _ => Section { buffer: pool.take(gpu, bytes)?, offset: 0, size: bytes },
        };
        let uniform = gpu.allocate_with("plan layout", bytemuck::bytes_of(&layout), wgpu::BufferUsages::UNIFORM)?;
        let (indices, binding) = (lookups.indices.binding(), plan.binding());
        let input = sort::Input { indices, table, padding_idx, layout, plan: binding };
        let sort = GpuSort::new(gpu, &pool.workspace, input)?;
        let of_shard = |rows: Range<u32>| ShardRuns { run_count: count.min(rows.end - rows.start), longest: count };
        Ok(Self {
            lookup_count: count,
            shards: table.shards().map(of_shard).collect(),
            run_count: count.min(table.input_dim),
            sort: sort.into_dispatches(),
            plan,
            indices: lookups.indices.clone(),
            rows_word: layout.rows,
            layout: Section::of_buffer(uniform),
            group: OnceLock::new(),
        })
    }

    /// The distinct rows, as the plan on the GPU has them.
    pub(crate) async fn read_rows(&self, gpu: &Gpu, waiting: Waiting) -> Result<Vec<u32>> {
        let region = self.plan.region();
        let word = |word: u32| region.offset + u64::from(word) * 4;
        let mut run_count = 0;
        let take = |bytes: &[u8]| run_count = bytemuck::pod_read_unaligned(bytes);
        gpu.read(region.buffer, word(0)..word(1), PIECE_BYTES, waiting, take).await?;
        let mut rows = Vec::with_capacity(run_count as usize);
        let take = |bytes: &[u8]| rows.extend(bytes.chunks_exact(4).map(bytemuck::pod_read_unaligned::<u32>));
        let bytes = word(self.rows_word)..word(self.rows_word + run_count);
        gpu.read(region.buffer, bytes, PIECE_BYTES, waiting, take).await?;
        Ok(rows)
    }

    /// Keeps its plan's buffer as [`Section::hold`] does.
    pub(crate) fn hold(&self, encoder: &wgpu::CommandEncoder) {
        self.plan.hold(encoder);
    }

    /// The buffers that it is read from, which no call may write beside.
    pub(crate) fn buffers(&self) -> [&wgpu::Buffer; 2] {
        [&self.plan, &self.indices].map(|section| section.region().buffer)
    }

    /// Levels of partial sums that its longest run needs.
    pub(crate) fn levels(&self) -> u32 {
        partial_levels(self.shards.iter().map(|shard| shard.longest).max().unwrap_or(0))
    }
}

/// The cell's value, made the first time.
fn once(
    cell: &OnceLock<wgpu::BindGroup>,
    make: impl FnOnce() -> Result<wgpu::BindGroup>,
) -> Result<&wgpu::BindGroup> {
    if let Some(group) = cell.get() {
        return Ok(group);
    }
    let group = make()?;
    Ok(cell.get_or_init(|| group))
}

/// A part of a buffer that the batch keeps alive.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    buffer: Arc<BatchBuffer>,
    offset: u64,
    size: u64,
}

impl Section {
    /// All of a buffer that goes back to no pool.
    fn of_buffer(buffer: wgpu::Buffer) -> Self {
        let size = buffer.size();
        Self { buffer: Arc::new(BatchBuffer { buffer: Some(buffer), pool: None }), offset: 0, size }
    }

    pub(crate) fn binding(&self) -> wgpu::BufferBinding<'_> {
        wgpu::BufferBinding {
            buffer: self.buffer.buffer(),
            offset: self.offset,
            size: wgpu::BufferSize::new(self.size),
        }
    }

    pub(crate) fn region(&self) -> BufferRegion<'_> {
        BufferRegion::new(self.buffer.buffer(), self.offset, self.size)
    }

    /// Keeps the buffer from being used again until the encoder's work is done, or the encoder is dropped.
    pub(crate) fn hold(&self, encoder: &wgpu::CommandEncoder) {
        let buffer = self.buffer.clone();
        encoder.on_submitted_work_done(move || drop(buffer));
    }
}

/// A buffer that goes back to its pool when the last batch, and the last recording, is done with it.
#[derive(Debug)]
pub(crate) struct BatchBuffer {
    /// Taken out on drop alone.
    buffer: Option<wgpu::Buffer>,
    pool: Option<Arc<BatchPool>>,
}

impl BatchBuffer {
    fn buffer(&self) -> &wgpu::Buffer {
        self.buffer.as_ref().expect("taken on drop alone")
    }
}

impl Drop for BatchBuffer {
    fn drop(&mut self) {
        if let (Some(buffer), Some(pool)) = (self.buffer.take(), &self.pool) {
            let mut idle = lock(&pool.idle);
            if idle.len() < MAX_IDLE {
                idle.push(buffer);
            }
        }
    }
}

/// Buffers of earlier batches, to be filled again, and the memory of sorts on the host.
///
/// Filling goes through the queue, so it comes after everything submitted before; what is recorded but not submitted
/// holds its buffer ([`Section::hold`]), so that one is not here.
#[derive(Debug, Default)]
pub(crate) struct BatchPool {
    idle: Mutex<Vec<wgpu::Buffer>>,
    scratch: Mutex<Vec<SortScratch>>,
    workspace: sort::Workspace,
}

impl BatchPool {
    /// What an earlier sort has left, or new.
    pub(crate) fn take_scratch(&self) -> SortScratch {
        lock(&self.scratch).pop().unwrap_or_default()
    }

    /// For the next sort; as many are kept as sort at once, but none that is very large.
    pub(crate) fn give_scratch(&self, scratch: SortScratch) {
        if scratch.bytes() <= MAX_SCRATCH_BYTES {
            lock(&self.scratch).push(scratch);
        }
    }

    /// An idle buffer of at least `size` bytes, but not more than four times that, or a new one.
    fn take(self: &Arc<Self>, gpu: &Gpu, size: u64) -> Result<Arc<BatchBuffer>> {
        let idle = {
            let mut idle = lock(&self.idle);
            let found = idle.iter().position(|buffer| (size..=size.saturating_mul(4)).contains(&buffer.size()));
            found.map(|position| idle.swap_remove(position))
        };
        let buffer = match idle {
            Some(buffer) => buffer,
            None => {
                let size = size.next_power_of_two().min(gpu.limits.max_buffer_size).max(size);
                let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
                gpu.allocate("batch", size, usage | wgpu::BufferUsages::COPY_SRC)?
            }
        };
        Ok(Arc::new(BatchBuffer { buffer: Some(buffer), pool: Some(self.clone()) }))
    }
}

/// Sections of a buffer, one after the other.
#[derive(Default)]
struct Sections {
    end: u64,
}

/// Where a section will be.
#[derive(Clone, Copy)]
struct Span {
    offset: u64,
    size: u64,
}

impl Sections {
    fn push(&mut self, bytes: u64) -> Span {
        let offset = self.end.next_multiple_of(ALIGNMENT);
        // An empty section must still be bindable.
        let size = bytes.max(16);
        self.end = offset + size;
        Span { offset, size }
    }
}

impl Span {
    fn of(self, buffer: &Arc<BatchBuffer>) -> Section {
        Section { buffer: buffer.clone(), offset: self.offset, size: self.size }
    }
}

/// Uploads a batch made of host indices; what is submitted from now on sees it.
pub(crate) fn upload(
    gpu: &Gpu,
    pool: &Arc<BatchPool>,
    table: &TableLayout,
    indices: &[u32],
    plan: &SortPlan,
) -> Result<(GpuLookups, SortedRuns)> {
    let (lookups, uploaded) = upload_with(gpu, pool, table, indices, Some(plan))?;
    let Uploaded { layout, plan: words, indices } = uploaded.expect("there is a plan");
    let shards = plan.runs.iter().zip(&plan.longest);
    let runs = SortedRuns {
        lookup_count: lookups.count,
        shards: shards.map(|(&run_count, &longest)| ShardRuns { run_count, longest }).collect(),
        run_count: plan.rows.len() as u32,
        sort: Vec::new(),
        plan: words,
        indices,
        rows_word: plan.layout.rows,
        layout,
        group: OnceLock::new(),
    };
    Ok((lookups, runs))
}

/// Uploads host indices, all of them rows of the table, that are not sorted.
pub(crate) fn upload_unsorted(
    gpu: &Gpu,
    pool: &Arc<BatchPool>,
    table: &TableLayout,
    indices: &[u32],
) -> Result<GpuLookups> {
    Ok(upload_with(gpu, pool, table, indices, None)?.0)
}

/// A plan's sections, and the indices'.
struct Uploaded {
    layout: Section,
    plan: Section,
    indices: Section,
}

fn upload_with(
    gpu: &Gpu,
    pool: &Arc<BatchPool>,
    table: &TableLayout,
    indices: &[u32],
    plan: Option<&SortPlan>,
) -> Result<(GpuLookups, Option<Uploaded>)> {
    let count = indices.len() as u32;
    let words = match table.shard_count() {
        1 => u64::from(count),
        shards => LookupLayout::by_shard(count, shards).1,
    };
    check_binding_size("the batch's indices", words * 4, &gpu.limits)?;
    let plan_bytes = plan.map_or(0, |plan| plan.word_count * 4);
    check_binding_size("the sorted batch", plan_bytes, &gpu.limits)?;
    let by_shard = (table.shard_count() > 1).then(|| ShardLookups::new(indices, table));
    let lookup_layout = by_shard.as_ref().map_or(LookupLayout::in_batch_order(count), |by_shard| by_shard.layout);
    let mut sections = Sections::default();
    let lookup_layout_at = sections.push(size_of::<LookupLayout>() as u64);
    let indices_at = sections.push(u64::from(count) * 4);
    let lookups_at = match &by_shard {
        Some(by_shard) => sections.push(size_of_val(&by_shard.words[..]) as u64),
        None => indices_at,
    };
    let plan_at = plan.map(|plan| (plan, sections.push(size_of::<PlanLayout>() as u64), sections.push(plan_bytes)));
    let buffer = pool.take(gpu, sections.end)?;
    // Straight into the memory that the queue copies from.
    gpu.write_with(buffer.buffer(), sections.end, |writer| {
        writer.write(lookup_layout_at.offset, bytemuck::bytes_of(&lookup_layout));
        writer.write(indices_at.offset, bytemuck::cast_slice(indices));
        if let Some(by_shard) = &by_shard {
            writer.write(lookups_at.offset, bytemuck::cast_slice(&by_shard.words));
        }
        if let Some((plan, layout_at, words_at)) = plan_at {
            writer.write(layout_at.offset, bytemuck::bytes_of(&plan.layout));
            let mut offset = words_at.offset;
            plan.write(|words| {
                writer.write(offset, bytemuck::cast_slice(words));
                offset += size_of_val(words) as u64;
            });
        }
    })?;
    let lookups = GpuLookups {
        count,
        indices: indices_at.of(&buffer),
        layout: lookup_layout_at.of(&buffer),
        lookups: lookups_at.of(&buffer),
        of_shards: by_shard.map(|by_shard| by_shard.counts),
        group: OnceLock::new(),
    };
    let uploaded = plan_at.map(|(_, layout_at, words_at)| Uploaded {
        layout: layout_at.of(&buffer),
        plan: words_at.of(&buffer),
        indices: indices_at.of(&buffer),
    });
    Ok((lookups, uploaded))
}

/// Takes indices that are on the GPU already: `count` u32 at the start of `region`.
pub(crate) fn resident(gpu: &Gpu, region: BufferRegion<'_>, count: u32) -> Result<GpuLookups> {
    let size = u64::from(count) * 4;
    // An empty batch binds nothing, and a binding may not be empty.
    if count > 0 {
        region.bind("the batch's indices", size, &gpu.limits)?;
    }
    let buffer = Arc::new(BatchBuffer { buffer: Some(region.buffer.clone()), pool: None });
    unchecked(gpu, Section { buffer, offset: region.offset, size }, count)
}

/// Copies indices that are on the GPU, one part after the other, `count` u32 in all.
pub(crate) fn copied(
    gpu: &Gpu,
    pool: &Arc<BatchPool>,
    encoder: &mut wgpu::CommandEncoder,
    parts: &[BufferRegion<'_>],
    count: u32,
) -> Result<GpuLookups> {
    let what = "the batch's indices";
    let size = u64::from(count) * 4;
    check_binding_size(what, size, &gpu.limits)?;
    for part in parts {
        part.check_copy(what, 0)?;
        // Where it ends, too.
        BufferRegion::new(part.buffer, part.offset + part.size, 0).check_copy(what, 0)?;
    }
    let buffer = pool.take(gpu, size.max(16))?;
    let lookups = unchecked(gpu, Section { buffer: buffer.clone(), offset: 0, size }, count)?;
    let copy = |encoder: &mut wgpu::CommandEncoder| {
        let mut end = 0;
        for part in parts.iter().filter(|part| part.size > 0) {
            encoder.copy_buffer_to_buffer(part.buffer, part.offset, buffer.buffer(), end, part.size);
            end += part.size;
        }
    };
    gpu.record(encoder, "copy of indices", &[], copy, |_| {})?;
    Ok(lookups)
}

/// Indices on the GPU that nobody has checked.
fn unchecked(gpu: &Gpu, indices: Section, count: u32) -> Result<GpuLookups> {
    let layout = LookupLayout::in_batch_order(count);
    let layout = gpu.allocate_with("lookup layout", bytemuck::bytes_of(&layout), wgpu::BufferUsages::UNIFORM)?;
    let lookups = indices.clone();
    let layout = Section::of_buffer(layout);
    Ok(GpuLookups { count, indices, layout, lookups, of_shards: None, group: OnceLock::new() })
}
