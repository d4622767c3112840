//! The table on the GPU: shards of weights and moments, and their way from and to the host.

use std::ops::Range;

use super::device::Gpu;
use super::kernels::adam::AdamStep;
use super::kernels::{self, index_check};
use super::layout::{QUAD_BYTES, TableLayout};
use super::readback::{PIECE_BYTES, Waiting};
use super::report::IndexReport;
use super::scratch::Scratch;
use crate::error::Result;
use crate::memory::check_room_for;
use crate::optimizer::{Adam, Update};
use crate::tensor::extend_from_le_bytes;

const TABLE_USAGE: wgpu::BufferUsages =
    wgpu::BufferUsages::STORAGE.union(wgpu::BufferUsages::COPY_SRC).union(wgpu::BufferUsages::COPY_DST);

/// See the module.
#[derive(Debug)]
pub(crate) struct GpuTable {
    pub layout: TableLayout,
    pub shards: Vec<Shard>,
    /// `None` on a frozen table.
    pub optimizer: Option<OptimizerKind>,
    /// The scalars of the step that is being computed; each recorded update copies its own in.
    pub step: wgpu::Buffer,
    pub report: IndexReport,
    /// An [`index_check::Table`].
    pub uniform: wgpu::Buffer,
    /// The batch's summed gradient, between the scatter-add and what uses it.
    pub sums: Scratch,
}

/// What decides the kernel and the state of an update; the rest of Adam's settings comes with each step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OptimizerKind {
    pub update: Update,
    pub amsgrad: bool,
}

/// Some of the table's rows.
#[derive(Debug)]
pub(crate) struct Shard {
    pub rows: Range<u32>,
    /// A [`kernels::Shard`].
    pub uniform: wgpu::Buffer,
    pub weights: wgpu::Buffer,
    /// `None` on a frozen table.
    pub moments: Option<Moments>,
}

/// A shard's optimizer state.
#[derive(Debug)]
pub(crate) struct Moments {
    pub first: wgpu::Buffer,
    pub second: wgpu::Buffer,
    /// One quad that nobody touches, without amsgrad.
    pub largest: wgpu::Buffer,
}

/// A float array of the table's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Weights,
    FirstMoment,
    SecondMoment,
    LargestMoment,
}

impl GpuTable {
    /// Allocates a table with all numbers zero. `adam` is `None` for a frozen table.
    pub(crate) fn new(gpu: &Gpu, layout: TableLayout, adam: Option<&Adam>) -> Result<Self> {
        let optimizer = adam.map(|adam| OptimizerKind { update: adam.update, amsgrad: adam.amsgrad });
        if gpu.info.device_type == wgpu::DeviceType::Cpu {
            let arrays = optimizer.map_or(1, |kind| if kind.amsgrad { 4 } else { 3 });
            check_room_for(
                "the table and its moments",
                u64::from(layout.input_dim).saturating_mul(layout.row_bytes() * arrays),
            )?;
        }
        let shards = layout
            .shards()
            .map(|rows| {
                let row_count = rows.end - rows.start;
                let bytes = u64::from(row_count) * layout.row_bytes();
                let uniform = kernels::Shard { first_row: rows.start, row_count, input_dim: layout.input_dim };
                let moments = match optimizer {
                    None => None,
                    Some(kind) => Some(Moments {
                        first: gpu.allocate("first_moment", bytes, TABLE_USAGE)?,
                        second: gpu.allocate("second_moment", bytes, TABLE_USAGE)?,
                        largest: gpu.allocate(
                            "largest_moment",
                            if kind.amsgrad { bytes } else { QUAD_BYTES },
                            TABLE_USAGE,
                        )?,
                    }),
                };
                Ok(Shard {
                    rows,
                    uniform: gpu.allocate_with("shard", bytemuck::bytes_of(&uniform), wgpu::BufferUsages::UNIFORM)?,
                    weights: gpu.allocate("weights", bytes, TABLE_USAGE)?,
                    moments,
                })
            })
            .collect::<Result<_>>()?;
        let table_uniform = index_check::Table { input_dim: layout.input_dim };
        let uniform = wgpu::BufferUsages::UNIFORM;
        Ok(Self {
            layout,
            shards,
            optimizer,
            step: gpu.allocate("step", size_of::<AdamStep>() as u64, uniform | wgpu::BufferUsages::COPY_DST)?,
            report: IndexReport::new(gpu, layout.input_dim)?,
            uniform: gpu.allocate_with("table", bytemuck::bytes_of(&table_uniform), uniform)?,
            sums: Scratch::new("sums", wgpu::BufferUsages::STORAGE),
        })
    }

    /// A buffer for a gradient from the host, filled; for calls that submit at once.
    pub(crate) fn upload_gradient(gpu: &Gpu, gradient: &[f32]) -> Result<wgpu::Buffer> {
        // One for each call: a shared one could be overwritten by another thread's call before this one is submitted.
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let buffer = gpu.allocate("gradient", (size_of_val(gradient) as u64).max(QUAD_BYTES), usage)?;
        gpu.write(&buffer, 0, bytemuck::cast_slice(gradient))?;
        Ok(buffer)
    }

    /// Writes the weights row by row, through pieces of bounded size; `fill_row` is called for each row in order.
    ///
    /// What is submitted from now on sees them.
    pub(crate) fn write_weights(&self, gpu: &Gpu, mut fill_row: impl FnMut(&mut [f32])) -> Result<()> {
        let row_floats = self.layout.quads() as usize * 4;
        let output_dim = self.layout.output_dim as usize;
        let rows_per_piece = (PIECE_BYTES / self.layout.row_bytes()).max(1) as usize;
        let mut piece = Vec::new();
        for shard in &self.shards {
            let row_count = (shard.rows.end - shard.rows.start) as usize;
            for first in (0..row_count).step_by(rows_per_piece) {
                let rows = rows_per_piece.min(row_count - first);
                piece.clear();
                piece.resize(rows * row_floats, 0.0f32);
                for row in piece.chunks_exact_mut(row_floats) {
                    fill_row(&mut row[..output_dim]);
                }
                let offset = first as u64 * self.layout.row_bytes();
                gpu.write(&shard.weights, offset, bytemuck::cast_slice(&piece))?;
                // Lets go of the queue's own copy before the next piece.
                gpu.submit(gpu.encoder("write weights"))?;
            }
        }
        Ok(())
    }

    /// Reads an array of the table's size, `input_dim * output_dim` floats.
    ///
    /// Gives `None` for a moment that this table does not keep.
    pub(crate) async fn read(&self, gpu: &Gpu, part: Part, waiting: Waiting) -> Result<Option<Vec<f32>>> {
        let row_bytes = self.layout.row_bytes();
        let piece = (PIECE_BYTES / row_bytes).max(1) * row_bytes;
        let floats = self.layout.input_dim as usize * self.layout.output_dim as usize;
        let mut values = Vec::with_capacity(floats);
        for shard in &self.shards {
            let buffer = match (part, &shard.moments, self.optimizer) {
                (Part::Weights, ..) => &shard.weights,
                (Part::FirstMoment, Some(moments), _) => &moments.first,
                (Part::SecondMoment, Some(moments), _) => &moments.second,
                (Part::LargestMoment, Some(moments), Some(OptimizerKind { amsgrad: true, .. })) => &moments.largest,
                _ => return Ok(None),
            };
            gpu.read(buffer, 0..buffer.size(), piece, waiting, |bytes| {
                for row in bytes.chunks_exact(row_bytes as usize) {
                    extend_from_le_bytes(&mut values, &row[..self.layout.dense_row_bytes() as usize]);
                }
            })
            .await?;
        }
        Ok(Some(values))
    }
}
