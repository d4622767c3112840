//! A batch on the GPU: its indices, and its runs sorted for the scatter-add.

use std::sync::{Arc, Mutex};

use super::TableLayout;
use super::device::{Gpu, lock};
use super::kernels::scatter_add::Level;
use super::kernels::{Lookups, Runs};
use super::plan::SortPlan;
use super::region::{BufferRegion, check_binding_size};
use crate::error::Result;

/// Sections of a batch's buffer start at multiples of this: the strictest alignment that WebGPU knows.
const ALIGNMENT: u64 = 256;

/// Idle buffers that a pool keeps.
const MAX_IDLE: usize = 8;

/// The lookups of a batch, for the gather and the index check.
#[derive(Debug, Clone)]
pub(crate) struct GpuLookups {
    pub count: u32,
    pub indices: Section,
    /// A [`Lookups`] uniform.
    pub uniform: Section,
}

/// The sorted runs of a batch, for the scatter-add and the update.
///
/// All that the gradient's side needs to know of a batch: whoever sorts, the host or the GPU, fills one of these.
#[derive(Debug, Clone)]
pub(crate) struct SortedRuns {
    pub run_count: u32,
    pub sum_count: u32,
    pub order: Section,
    pub rows: Section,
    pub segments: Section,
    /// Segments in each level, with its [`Level`] uniform.
    pub levels: Vec<(u32, Section)>,
    /// Runs in each shard, with its [`Runs`] uniform.
    pub shards: Vec<(u32, Section)>,
    /// All runs as if of one shard.
    pub whole: (u32, Section),
}

/// A part of a buffer that the batch keeps alive.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    buffer: Arc<BatchBuffer>,
    offset: u64,
    size: u64,
}

impl Section {
    pub(crate) fn binding(&self) -> wgpu::BufferBinding<'_> {
        wgpu::BufferBinding {
            buffer: self.buffer.buffer(),
            offset: self.offset,
            size: wgpu::BufferSize::new(self.size),
        }
    }

    pub(crate) fn region(&self) -> BufferRegion<'_> {
        BufferRegion { buffer: self.buffer.buffer(), offset: self.offset, size: self.size }
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

/// Buffers of earlier batches, to be filled again.
///
/// Filling goes through the queue, so it comes after everything submitted before; what is recorded but not submitted
/// holds its buffer ([`Section::hold`]), so that one is not here.
#[derive(Debug, Default)]
pub(crate) struct BatchPool {
    idle: Mutex<Vec<wgpu::Buffer>>,
}

impl BatchPool {
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

/// A buffer's contents being put together, section by section.
#[derive(Default)]
struct Image {
    bytes: Vec<u8>,
}

/// Where a section will be.
#[derive(Clone, Copy)]
struct Place {
    offset: u64,
    size: u64,
}

impl Image {
    fn push<T: bytemuck::Pod>(&mut self, values: &[T]) -> Place {
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT as usize), 0);
        let offset = self.bytes.len() as u64;
        self.bytes.extend_from_slice(bytemuck::cast_slice(values));
        // An empty section must still be bindable.
        self.bytes.resize(self.bytes.len().max(offset as usize + 16), 0);
        Place { offset, size: (size_of_val(values) as u64).max(16) }
    }

    fn upload(&self, gpu: &Gpu, pool: &Arc<BatchPool>) -> Result<Arc<BatchBuffer>> {
        let buffer = pool.take(gpu, self.bytes.len() as u64)?;
        gpu.write(buffer.buffer(), 0, &self.bytes)?;
        Ok(buffer)
    }
}

impl Place {
    fn of(self, buffer: &Arc<BatchBuffer>) -> Section {
        Section { buffer: buffer.clone(), offset: self.offset, size: self.size }
    }
}

/// Uploads a batch made of host indices; what is submitted from now on sees it.
pub(crate) fn upload(
    gpu: &Gpu,
    pool: &Arc<BatchPool>,
    layout: &TableLayout,
    indices: &[u32],
    plan: &SortPlan,
) -> Result<(GpuLookups, SortedRuns)> {
    check_binding_size("the batch's indices", size_of_val(indices) as u64, &gpu.limits)?;
    check_binding_size("the batch's segments", size_of_val(&plan.segments[..]) as u64, &gpu.limits)?;
    let mut image = Image::default();
    let count = indices.len() as u32;
    let uniform = image.push(&[Lookups { count }]);
    let levels: Vec<_> = plan
        .levels
        .iter()
        .enumerate()
        .map(|(level, range)| {
            let segment_count = range.end - range.start;
            let of_lookups = u32::from(level == 0);
            (segment_count, image.push(&[Level { first_segment: range.start, segment_count, of_lookups }]))
        })
        .collect();
    let mut push_runs = |rows: std::ops::Range<u32>| {
        let runs = plan.runs_of(&rows);
        let run_count = runs.end - runs.start;
        let row_count = rows.end - rows.start;
        (run_count, image.push(&[Runs { first_run: runs.start, run_count, first_row: rows.start, row_count }]))
    };
    let shards: Vec<_> = layout.shards().map(&mut push_runs).collect();
    let whole = push_runs(0..layout.input_dim);
    let places = [image.push(indices), image.push(&plan.order), image.push(&plan.rows), image.push(&plan.segments)];
    let buffer = image.upload(gpu, pool)?;

    let [indices, order, rows, segments] = places.map(|place| place.of(&buffer));
    let sections = |list: Vec<(u32, Place)>| list.into_iter().map(|(n, place)| (n, place.of(&buffer))).collect();
    Ok((
        GpuLookups { count, indices, uniform: uniform.of(&buffer) },
        SortedRuns {
            run_count: plan.rows.len() as u32,
            sum_count: plan.sum_count,
            order,
            rows,
            segments,
            levels: sections(levels),
            shards: sections(shards),
            whole: (whole.0, whole.1.of(&buffer)),
        },
    ))
}

/// Takes indices that are on the GPU already: `count` u32 at the start of `region`.
pub(crate) fn resident(gpu: &Gpu, region: BufferRegion<'_>, count: u32) -> Result<GpuLookups> {
    let size = u64::from(count) * 4;
    // An empty batch binds nothing, and a binding may not be empty.
    if count > 0 {
        region.bind("the batch's indices", size, &gpu.limits)?;
    }
    let indices = Section {
        buffer: Arc::new(BatchBuffer { buffer: Some(region.buffer.clone()), pool: None }),
        offset: region.offset,
        size,
    };
    let contents = Lookups { count };
    let uniform = gpu.allocate_with("lookups", bytemuck::bytes_of(&contents), wgpu::BufferUsages::UNIFORM)?;
    let uniform = Section {
        size: uniform.size(),
        buffer: Arc::new(BatchBuffer { buffer: Some(uniform), pool: None }),
        offset: 0,
    };
    Ok(GpuLookups { count, indices, uniform })
}
