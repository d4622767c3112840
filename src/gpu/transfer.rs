//! The table's way from and to the host, and into another table: piece by piece, so that no copy of it is made there.

use super::device::Gpu;
use super::readback::{PIECE_BYTES, Waiting};
use super::table::{GpuTable, Shard};
use crate::error::Result;
use crate::tensor::extend_from_le_bytes;

/// A float array of the table's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Weights,
    FirstMoment,
    SecondMoment,
    LargestMoment,
}

#[cfg(not(target_arch = "wasm32"))]
impl Part {
    pub(crate) const ALL: [Self; 4] = [Self::Weights, Self::FirstMoment, Self::SecondMoment, Self::LargestMoment];
}

impl GpuTable {
    /// Writes an array of the table's size row by row; `fill_row` is called for each row in order. A table that does not
    /// keep this array calls it never.
    ///
    /// What is submitted from now on sees it. After an error the array is written in part.
    pub(crate) fn write(
        &self,
        gpu: &Gpu,
        part: Part,
        mut fill_row: impl FnMut(&mut [f32]) -> Result<()>,
    ) -> Result<()> {
        let row_floats = self.layout.quads() as usize * 4;
        let output_dim = self.layout.output_dim as usize;
        let rows_per_piece = (PIECE_BYTES / self.layout.row_bytes()).max(1) as usize;
        let mut piece = Vec::new();
        for shard in &self.shards {
            let Some(buffer) = self.buffer(shard, part) else { return Ok(()) };
            let row_count = (shard.rows.end - shard.rows.start) as usize;
            for first in (0..row_count).step_by(rows_per_piece) {
                let rows = rows_per_piece.min(row_count - first);
                piece.clear();
                piece.resize(rows * row_floats, 0.0f32);
                for row in piece.chunks_exact_mut(row_floats) {
                    fill_row(&mut row[..output_dim])?;
                }
                let offset = first as u64 * self.layout.row_bytes();
                gpu.write(buffer, offset, bytemuck::cast_slice(&piece))?;
                // Lets go of the queue's own copy before the next piece.
                gpu.submit(gpu.encoder("write table"))?;
            }
        }
        Ok(())
    }

    /// Reads an array of the table's size, `input_dim * output_dim` floats.
    ///
    /// Gives `None` for a moment that this table does not keep.
    pub(crate) async fn read(&self, gpu: &Gpu, part: Part, waiting: Waiting) -> Result<Option<Vec<f32>>> {
        if !self.shards.iter().all(|shard| self.buffer(shard, part).is_some()) {
            return Ok(None);
        }
        let mut values = Vec::with_capacity(self.layout.input_dim as usize * self.layout.output_dim as usize);
        self.read_bytes(gpu, part, waiting, |bytes| {
            extend_from_le_bytes(&mut values, bytes);
            Ok(())
        })
        .await?;
        Ok(Some(values))
    }

    /// Reads the same as little-endian bytes, in order; `take` gets some rows at a time. Of a moment that this table does
    /// not keep, none.
    pub(crate) async fn read_bytes(
        &self,
        gpu: &Gpu,
        part: Part,
        waiting: Waiting,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let (row_bytes, dense_row_bytes) = (self.layout.row_bytes(), self.layout.dense_row_bytes() as usize);
        let piece = (PIECE_BYTES / row_bytes).max(1) * row_bytes;
        for shard in &self.shards {
            let Some(buffer) = self.buffer(shard, part) else { return Ok(()) };
            gpu.try_read(buffer, 0..buffer.size(), piece, waiting, |bytes| {
                if dense_row_bytes as u64 == row_bytes {
                    return take(bytes);
                }
                bytes.chunks_exact(row_bytes as usize).try_for_each(|row| take(&row[..dense_row_bytes]))
            })
            .await?;
        }
        Ok(())
    }

    /// For what is read from files: takes over what another table of the same layout holds: those arrays that both keep.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn copy_from(&mut self, gpu: &Gpu, other: &Self) -> Result<()> {
        debug_assert_eq!(self.layout, other.layout);
        let mut encoder = gpu.encoder("copy table");
        for (to, from) in self.shards.iter().zip(&other.shards) {
            for part in Part::ALL {
                if let (Some(to), Some(from)) = (self.buffer(to, part), other.buffer(from, part)) {
                    encoder.copy_buffer_to_buffer(from, 0, to, 0, from.size());
                }
            }
        }
        gpu.submit(encoder)
    }

    fn buffer<'a>(&self, shard: &'a Shard, part: Part) -> Option<&'a wgpu::Buffer> {
        match (part, &shard.moments) {
            (Part::Weights, _) => Some(&shard.weights),
            (Part::FirstMoment, Some(moments)) => Some(&moments.first),
            (Part::SecondMoment, Some(moments)) => Some(&moments.second),
            (Part::LargestMoment, Some(moments)) if self.amsgrad => Some(&moments.largest),
            _ => None,
        }
    }
}
