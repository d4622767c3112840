//! What the calls that look up, check and flush record, and what all calls check of their buffers.
//!
//! In each call: checks first, then every dispatch prepared, then the encoder touched. The calls that take a gradient are
//! in `gradient` and `update`.

use super::batch::GpuLookups;
use super::device::Gpu;
use super::history::Missing;
use super::kernels::{flush, gather, gather_deferred, index_check};
use super::region::BufferRegion;
use super::table::GpuTable;
use crate::error::{Error, Result};

impl GpuTable {
    /// Records `output[i, :] = table[indices[i], :]`, and before it, if asked, the index check.
    pub(crate) fn record_lookup(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        lookups: &GpuLookups,
        check: bool,
        output: BufferRegion<'_>,
    ) -> Result<()> {
        if lookups.count == 0 {
            return Ok(());
        }
        let what = "the lookup's output";
        let bytes = u64::from(lookups.count) * self.layout.dense_row_bytes();
        let output = output.bind(what, bytes, &gpu.limits)?;
        check_other_buffer(what, output.buffer, "its indices", lookups.indices.region().buffer)?;
        self.check_not_the_table(what, output.buffer)?;
        let mut dispatches = Vec::new();
        if check {
            dispatches.push(index_check::dispatch(gpu, self, lookups)?);
        }
        dispatches.extend(match self.deferred() {
            None => gather::dispatches(gpu, self, lookups, output)?,
            Some(deferred) => gather_deferred::dispatches(gpu, self, deferred, lookups, output)?,
        });
        let missing = self.deferred().map_or(Ok(None), |deferred| Missing::new(gpu, deferred))?;
        let before = |encoder: &mut wgpu::CommandEncoder| missing.iter().for_each(|missing| missing.record(encoder));
        gpu.record(encoder, "embedding lookup", &dispatches, before, |_| ())
    }

    /// Records the index check by itself.
    pub(crate) fn record_check(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        lookups: &GpuLookups,
    ) -> Result<()> {
        if lookups.count > 0 {
            let dispatch = index_check::dispatch(gpu, self, lookups)?;
            gpu.record(encoder, "embedding index check", &[dispatch], |_| (), |_| ())?;
        }
        Ok(())
    }

    /// Records what brings all rows up to date.
    pub(crate) fn record_flush(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder) -> Result<()> {
        let Some(deferred) = self.deferred() else { return Ok(()) };
        let dispatches = flush::dispatches(gpu, self, deferred, 0..self.layout.input_dim)?;
        let missing = Missing::new(gpu, deferred)?;
        let before = |encoder: &mut wgpu::CommandEncoder| missing.iter().for_each(|missing| missing.record(encoder));
        gpu.record(encoder, "embedding flush", &dispatches, before, |_| ())
    }

    /// Brings all rows up to date, in submissions of bounded length, also with steps that were dropped.
    pub(crate) fn flush(&self, gpu: &Gpu) -> Result<()> {
        let Some(deferred) = self.deferred() else { return Ok(()) };
        if let Some(missing) = Missing::new(gpu, deferred)? {
            let mut encoder = gpu.encoder("embedding history");
            missing.record(&mut encoder);
            gpu.submit(encoder)?;
        }
        self.flush_submitted(gpu)
    }

    /// The same up to the last step that was submitted.
    pub(crate) fn flush_submitted(&self, gpu: &Gpu) -> Result<()> {
        let Some(deferred) = self.deferred() else { return Ok(()) };
        for dispatch in flush::dispatches(gpu, self, deferred, 0..self.layout.input_dim)? {
            let mut encoder = gpu.encoder("embedding flush");
            gpu.record(&mut encoder, "embedding flush", &[dispatch], |_| (), |_| ())?;
            gpu.submit(encoder)?;
        }
        Ok(())
    }

    /// Weights are handed out, and may not come back as what a call reads or writes beside them.
    pub(super) fn check_not_the_table(&self, what: &'static str, buffer: &wgpu::Buffer) -> Result<()> {
        self.shards
            .iter()
            .try_for_each(|shard| check_other_buffer(what, buffer, "the table's weights", &shard.weights))
    }
}

/// One dispatch may not read and write one buffer through two bindings, nor a clear wipe what is still to be read.
pub(super) fn check_other_buffer(
    what: &'static str,
    this: &wgpu::Buffer,
    other: &str,
    that: &wgpu::Buffer,
) -> Result<()> {
    if this != that {
        return Ok(());
    }
    Err(Error::Shape {
        what,
        required: format!("in another buffer than {other}"),
        given: "in the same one".to_owned(),
    })
}
