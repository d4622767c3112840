//! The table's way from and to the host, and into another table: piece by piece, so that no copy of it is made there.

#[cfg(all(feature = "files", not(target_arch = "wasm32")))]
use std::ops::Range;

use super::device::Gpu;
use super::readback::{PIECE_BYTES, Waiting};
use super::state::Place;
#[cfg(all(feature = "files", not(target_arch = "wasm32")))]
use super::table::shard_places;
use super::table::{GpuTable, Shard};
use crate::config::WEIGHT;
use crate::error::Result;
#[cfg(all(feature = "files", not(target_arch = "wasm32")))]
use crate::optimizer::Extent;
use crate::storage::Storage;

/// Where an array lies in a shard's buffer: every `stride` bytes the row's `size`.
struct Array<'a> {
    buffer: &'a wgpu::Buffer,
    offset: u64,
    size: u64,
    stride: u64,
    /// Of the size, what the caller sees of it.
    dense: u64,
    /// How its numbers lie there.
    storage: Storage,
}

impl GpuTable {
    /// Writes an array of the table, [`WEIGHT`] or one of the optimizer's state, row by row; `fill_row` is called for each row
    /// in order. It must be one that the table has.
    ///
    /// What is submitted from now on sees it. After an error the array is written in part.
    pub(crate) fn write(
        &self,
        gpu: &Gpu,
        name: &str,
        mut fill_row: impl FnMut(&mut [f32]) -> Result<()>,
    ) -> Result<()> {
        let mut row = Vec::new();
        self.write_stored(gpu, name, |floats, storage, bytes| {
            row.resize(floats, 0.0f32);
            fill_row(&mut row)?;
            storage.encode(&row, bytes);
            Ok(())
        })
    }

    /// The same from bytes: `append_row` adds so many numbers to the rows before, as they are stored.
    pub(crate) fn write_stored(
        &self,
        gpu: &Gpu,
        name: &str,
        mut append_row: impl FnMut(usize, Storage, &mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let mut piece = Vec::new();
        for shard in &self.shards {
            let array = self.array(shard, name).expect("an array of the table");
            let floats = array.dense as usize / array.storage.bytes() as usize;
            let rows_per_piece = (PIECE_BYTES / array.stride).max(1) as usize;
            let row_count = (shard.rows.end - shard.rows.start) as usize;
            for first in (0..row_count).step_by(rows_per_piece) {
                let rows = rows_per_piece.min(row_count - first);
                piece.clear();
                for number in 1..=rows {
                    append_row(floats, array.storage, &mut piece)?;
                    piece.resize(number * array.size as usize, 0);
                }
                array.write(gpu, first as u64, &piece)?;
            }
        }
        Ok(())
    }

    /// Reads an array of the table: `input_dim * output_dim` floats, or `input_dim` of one that has a number a row. `None` for
    /// one that it does not have.
    pub(crate) async fn read(&self, gpu: &Gpu, name: &str, waiting: Waiting) -> Result<Option<Vec<f32>>> {
        let Some(array) = self.shards.first().and_then(|shard| self.array(shard, name)) else { return Ok(None) };
        let storage = array.storage;
        let floats = array.dense as usize / storage.bytes() as usize;
        let mut values = Vec::with_capacity(self.layout.input_dim as usize * floats);
        self.read_bytes(gpu, name, waiting, |bytes| {
            storage.decode(bytes, &mut values);
            Ok(())
        })
        .await?;
        Ok(Some(values))
    }

    /// Reads the same as little-endian bytes, as the table stores them, in order; `take` gets some rows at a time.
    /// Of an array that this table does not have, none.
    pub(crate) async fn read_bytes(
        &self,
        gpu: &Gpu,
        name: &str,
        waiting: Waiting,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        for shard in &self.shards {
            let Some(Array { buffer, offset, stride, dense, .. }) = self.array(shard, name) else { return Ok(()) };
            let piece = (PIECE_BYTES / stride).max(1) * stride;
            let bytes = u64::from(shard.rows.end - shard.rows.start) * stride;
            let row = offset as usize..(offset + dense) as usize;
            gpu.try_read(buffer, 0..bytes, piece, waiting, |bytes| {
                if dense == stride {
                    return take(bytes);
                }
                bytes.chunks_exact(stride as usize).try_for_each(|record| take(&record[row.clone()]))
            })
            .await?;
        }
        Ok(())
    }

    /// Reads all that the optimizer keeps as little-endian bytes, each row's record once: `take` gets some rows of an array at
    /// a time, dense, of every array in turn.
    #[cfg(all(feature = "files", not(target_arch = "wasm32")))]
    pub(crate) async fn read_state(
        &self,
        gpu: &Gpu,
        waiting: Waiting,
        mut take: impl FnMut(&str, Range<u32>, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let Some(training) = &self.training else { return Ok(()) };
        let mut dense = Vec::new();
        for shard in &self.shards {
            for extent in [Extent::PerElement, Extent::PerRow] {
                let names =
                    training.state.arrays.iter().filter(|array| array.extent == extent).map(|array| array.name);
                let arrays: Vec<_> =
                    names.map(|name| (name, self.array(shard, name).expect("an array of the table"))).collect();
                // All of one extent lie in one buffer, at one stride.
                let Some(&(_, Array { buffer, stride, .. })) = arrays.first() else { continue };
                let piece = (PIECE_BYTES / stride).max(1) * stride;
                let bytes = u64::from(shard.rows.end - shard.rows.start) * stride;
                let mut first = shard.rows.start;
                gpu.try_read(buffer, 0..bytes, piece, waiting, |bytes| {
                    let rows = first..first + (bytes.len() / stride as usize) as u32;
                    first = rows.end;
                    for (name, array) in &arrays {
                        let place = array.offset as usize..(array.offset + array.dense) as usize;
                        dense.clear();
                        for row in bytes.chunks_exact(stride as usize) {
                            dense.extend_from_slice(&row[place.clone()]);
                        }
                        take(name, rows.clone(), &dense)?;
                    }
                    Ok(())
                })
                .await?;
            }
        }
        Ok(())
    }

    /// Writes all that the optimizer keeps, and `step` as the step up to which all rows are current: `fill` is asked for some
    /// rows of an array at a time, dense, of every array in turn. As [`write`](Self::write) otherwise.
    #[cfg(all(feature = "files", not(target_arch = "wasm32")))]
    pub(crate) fn write_state(
        &self,
        gpu: &Gpu,
        step: u32,
        mut fill: impl FnMut(&str, Range<u32>, &mut [f32]) -> Result<()>,
    ) -> Result<()> {
        let Some(training) = &self.training else { return Ok(()) };
        let layout = &training.state;
        let strides = [layout.record_bytes(), layout.row_words_bytes()];
        let rows_per_piece = (PIECE_BYTES / strides[0].max(strides[1]).max(4)).max(1) as usize;
        let mut dense = Vec::new();
        for shard in &self.shards {
            let Some(state) = &shard.state else { continue };
            for first in shard.rows.clone().step_by(rows_per_piece) {
                let rows = first..shard.rows.end.min(first.saturating_add(rows_per_piece as u32));
                let mut pieces = strides.map(|stride| vec![0.0f32; rows.len() * stride as usize / 4]);
                if layout.has_steps() {
                    pieces[1]
                        .iter_mut()
                        .step_by(strides[1] as usize / 4)
                        .for_each(|word| *word = f32::from_bits(step));
                }
                for array in &layout.arrays {
                    let (piece, at, width) = match layout.place(array.name).expect("one of its arrays") {
                        Place::Record(number) => (
                            0,
                            (u64::from(number) * self.layout.row_bytes()) as usize,
                            self.layout.output_dim as usize,
                        ),
                        Place::Row(word) => (1, word as usize * 4, 1),
                    };
                    dense.clear();
                    dense.resize(rows.len() * width, 0.0);
                    fill(array.name, rows.clone(), &mut dense)?;
                    let places = pieces[piece].chunks_exact_mut(strides[piece] as usize / 4);
                    for (place, row) in places.zip(dense.chunks_exact(width)) {
                        place[at / 4..][..width].copy_from_slice(row);
                    }
                }
                for ((piece, stride), buffer) in pieces.iter().zip(strides).zip([&state.elements, &state.rows]) {
                    if !piece.is_empty() {
                        let start = u64::from(first - shard.rows.start) * stride;
                        gpu.write(buffer, start, bytemuck::cast_slice(piece))?;
                    }
                }
                gpu.submit(gpu.encoder("write state"))?;
            }
        }
        Ok(())
    }

    /// For what is read from files: takes over what another table of the same layout and the same optimizer holds.
    #[cfg(all(feature = "files", not(target_arch = "wasm32")))]
    pub(crate) fn copy_from(&mut self, gpu: &Gpu, other: &Self) -> Result<()> {
        debug_assert_eq!(self.layout, other.layout);
        // All in one encoder: where wgpu refuses a copy, nothing has changed.
        let mut encoder = gpu.encoder("copy table");
        for (to, from) in self.shards.iter().zip(&other.shards) {
            encoder.copy_buffer_to_buffer(&from.weights, 0, &to.weights, 0, from.weights.size());
            if let (Some(to), Some(from)) = (&to.state, &from.state) {
                for (from, to) in [(&from.elements, &to.elements), (&from.rows, &to.rows)] {
                    encoder.copy_buffer_to_buffer(from, 0, to, 0, from.size());
                }
            }
        }
        gpu.submit(encoder)
    }

    /// What [`set_seed`](Self::set_seed) takes, made before anything is changed: it may fail for want of memory.
    #[cfg(all(feature = "files", not(target_arch = "wasm32")))]
    pub(crate) fn prepare_seed(&self, gpu: &Gpu, seed: u32) -> Result<Vec<wgpu::Buffer>> {
        let shards = (0..).zip(&self.shards);
        shards.map(|(number, shard)| shard_places(gpu, self.layout, (number, &shard.rows), seed)).collect()
    }

    /// Stochastic rounding draws from another seed from now on.
    #[cfg(all(feature = "files", not(target_arch = "wasm32")))]
    pub(crate) fn set_seed(&mut self, places: Vec<wgpu::Buffer>) {
        self.shards.iter_mut().zip(places).for_each(|(shard, places)| shard.set_places(places));
    }

    /// The weights alone.
    #[cfg(all(feature = "files", not(target_arch = "wasm32")))]
    pub(crate) fn copy_weights_from(&mut self, gpu: &Gpu, other: &Self) -> Result<()> {
        debug_assert_eq!(self.layout, other.layout);
        let mut encoder = gpu.encoder("copy weights");
        for (to, from) in self.shards.iter().zip(&other.shards) {
            encoder.copy_buffer_to_buffer(&from.weights, 0, &to.weights, 0, from.weights.size());
        }
        gpu.submit(encoder)
    }

    /// Writes the first values of the state arrays that do not start at zero, as a new buffer does.
    pub(crate) fn write_first_values(&self, gpu: &Gpu) -> Result<()> {
        let Some(training) = &self.training else { return Ok(()) };
        for array in training.state.arrays.iter().filter(|array| array.first_value != 0.0) {
            self.write(gpu, array.name, |row| {
                row.fill(array.first_value);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Writes one step number for all rows, where there are such.
    pub(crate) fn write_steps(&self, gpu: &Gpu, step: u32) -> Result<()> {
        let Some(training) = self.training.as_ref().filter(|training| training.state.has_steps()) else {
            return Ok(());
        };
        let stride = training.state.row_words_bytes();
        for shard in &self.shards {
            let Some(state) = &shard.state else { continue };
            let array = Array { buffer: &state.rows, offset: 0, size: 4, stride, dense: 4, storage: Storage::F32 };
            let rows = u64::from(shard.rows.end - shard.rows.start);
            let words = vec![f32::from_bits(step); rows.min(PIECE_BYTES / 4) as usize];
            for first in (0..rows).step_by(words.len()) {
                let words = &words[..(rows - first).min(words.len() as u64) as usize];
                array.write(gpu, first, bytemuck::cast_slice(words))?;
            }
        }
        Ok(())
    }

    fn array<'a>(&'a self, shard: &'a Shard, name: &str) -> Option<Array<'a>> {
        let (size, dense) = (self.layout.row_bytes(), self.layout.dense_row_bytes());
        if name == WEIGHT {
            let storage = self.precision.storage;
            let (size, dense) =
                (self.layout.weight_bytes(storage), u64::from(self.layout.output_dim) * u64::from(storage.bytes()));
            return Some(Array { buffer: &shard.weights, offset: 0, size, stride: size, dense, storage });
        }
        let (training, state) = (self.training.as_ref()?, shard.state.as_ref()?);
        Some(match training.state.place(name)? {
            Place::Record(number) => Array {
                buffer: &state.elements,
                offset: u64::from(number) * size,
                size,
                stride: training.state.record_bytes(),
                dense,
                storage: Storage::F32,
            },
            Place::Row(word) => Array {
                buffer: &state.rows,
                offset: u64::from(word) * 4,
                size: 4,
                stride: training.state.row_words_bytes(),
                dense: 4,
                storage: Storage::F32,
            },
        })
    }
}

impl Array<'_> {
    /// Writes rows from `first` on, which follow each other in `bytes`, and lets go of the queue's own copy.
    fn write(&self, gpu: &Gpu, first: u64, bytes: &[u8]) -> Result<()> {
        let start = first * self.stride + self.offset;
        if self.size == self.stride {
            gpu.write(self.buffer, start, bytes)?;
            return gpu.submit(gpu.encoder("write table"));
        }
        // Between them lies what stays: the rows go to the device as they are, and are copied there to their places.
        let rows = gpu.allocate_with("rows", bytes, wgpu::BufferUsages::COPY_SRC)?;
        let mut encoder = gpu.encoder("write table");
        for number in 0..bytes.len() as u64 / self.size {
            let place = start + number * self.stride;
            encoder.copy_buffer_to_buffer(&rows, number * self.size, self.buffer, place, self.size);
        }
        gpu.submit(encoder)
    }
}
