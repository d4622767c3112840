//! What the calls that look up, check and flush record, and what all calls check of their buffers.
//!
//! In each call: checks first, then every dispatch prepared, then the encoder touched. The calls that take a gradient are
//! in `gradient` and `update`.

use std::ops::Range;

use super::batch::GpuLookups;
use super::device::{Dispatch, Gpu};
use super::grid::WORKGROUP_SIZE;
use super::history::Missing;
use super::kernels::inputs::{FlushedRows, Lookup};
use super::kernels::{flush, index_check, parts};
use super::region::BufferRegion;
use super::table::{Deferred, GpuTable};
use super::table_kernels::TableKernel;
use crate::error::{Error, Result};

/// Bytes of weights that one dispatch brings up to date, so that none takes long enough for a GPU's watchdog; fewer where
/// sums may be done term by term, or where rows may have many segments: so many of them are like another pass over the
/// weights.
const BYTES_PER_FLUSH: u64 = 64 << 20;
const TERMS_PER_PASS: u64 = 32;
const SEGMENTS_PER_PASS: u64 = 64;

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
        let binding = output.bind(what, bytes, &gpu.limits)?;
        check_other_buffer(what, output.buffer, "its indices", lookups.indices.region().buffer)?;
        self.check_not_the_table(what, output.buffer)?;
        let output = output.group(gpu, what, &parts::output(self.mapping.width()).bindings[0], binding)?;
        let mut dispatches = Vec::new();
        if check {
            dispatches.push(self.check_dispatch(gpu, lookups)?);
        }
        dispatches.extend(self.lookup_dispatches(gpu, lookups, &output)?);
        let missing = self.training.as_ref().map_or(Ok(None), |training| Missing::new(gpu, training))?;
        let before = |encoder: &mut wgpu::CommandEncoder| missing.iter().for_each(|missing| missing.record(encoder));
        gpu.record(encoder, "embedding lookup", &dispatches, before, |_| ())
    }

    /// One dispatch for each shard that the batch may have rows of; there must be lookups. `output` is group 2.
    pub(super) fn lookup_dispatches(
        &self,
        gpu: &Gpu,
        lookups: &GpuLookups,
        output: &wgpu::BindGroup,
    ) -> Result<Vec<Dispatch>> {
        let (mapping, is_deferred) = (&self.mapping, self.deferred().is_some());
        let lookup = if lookups.of_shards.is_some() { Lookup::OfShard } else { Lookup::All };
        let pipeline = self.pipeline(gpu, TableKernel::Gather(lookup))?;
        let mut dispatches = Vec::new();
        for (number, shard) in self.shards.iter().enumerate() {
            let count = lookups.of_shards.as_ref().map_or(lookups.count, |counts| counts[number]);
            if count > 0 {
                let group = self.group(gpu, shard, &pipeline)?;
                let groups = [Some(&group), Some(lookups.group(gpu)?), Some(output)];
                let workgroups =
                    if is_deferred { mapping.workgroups(count) } else { mapping.workgroups_of_lookups(count) };
                dispatches.push(gpu.dispatch(&pipeline, groups, workgroups)?);
            }
        }
        Ok(dispatches)
    }

    /// Dispatches that bring these rows of the table up to step `until`, to [`flush::NOW`] or to
    /// [`flush::BEFORE`]; they stay where they are if they are further.
    pub(super) fn flush_dispatches(
        &self,
        gpu: &Gpu,
        deferred: &Deferred,
        rows: Range<u32>,
        until: u32,
    ) -> Result<Vec<Dispatch>> {
        let mut dispatches = Vec::new();
        if rows.is_empty() {
            return Ok(dispatches);
        }
        let pipeline = self.pipeline(gpu, TableKernel::Flush)?;
        let history = &deferred.history;
        let terms = if deferred.need().has_terms() { history.horizon() } else { 0 };
        let segments = history.course.most_segments(self.layout.input_dim);
        let passes = 1 + u64::from(terms) / TERMS_PER_PASS + u64::from(segments) / SEGMENTS_PER_PASS;
        let rows_per_dispatch = (BYTES_PER_FLUSH / passes / self.layout.row_bytes()).max(1) as usize;
        for shard in &self.shards {
            let of_shard = rows.start.max(shard.rows.start)..rows.end.min(shard.rows.end);
            for first in of_shard.clone().step_by(rows_per_dispatch) {
                let place_count = (of_shard.end - first).min(rows_per_dispatch as u32);
                let uniform = FlushedRows { first_place: first - shard.rows.start, place_count, until };
                let uniform =
                    gpu.allocate_with("rows to flush", bytemuck::bytes_of(&uniform), wgpu::BufferUsages::UNIFORM)?;
                let rows = gpu.bind(&pipeline, 1, &[("rows", uniform.as_entire_buffer_binding())])?;
                let group = self.group(gpu, shard, &pipeline)?;
                let workgroups = self.mapping.workgroups(place_count);
                dispatches.push(gpu.dispatch(&pipeline, [Some(&group), Some(&rows), None], workgroups)?);
            }
        }
        Ok(dispatches)
    }

    /// The index check of lookups that nobody has checked, if there are any.
    pub(super) fn unchecked_dispatch(&self, gpu: &Gpu, lookups: Option<&GpuLookups>) -> Result<Option<Dispatch>> {
        let lookups = lookups.filter(|lookups| lookups.count > 0);
        lookups.map(|lookups| self.check_dispatch(gpu, lookups)).transpose()
    }

    /// The index check; there must be lookups.
    fn check_dispatch(&self, gpu: &Gpu, lookups: &GpuLookups) -> Result<Dispatch> {
        let pipeline = gpu.pipeline(&index_check::kernel(), &[])?;
        let groups = [Some(&self.report_group), Some(lookups.group(gpu)?), None];
        gpu.dispatch(&pipeline, groups, u64::from(lookups.count).div_ceil(WORKGROUP_SIZE.into()))
    }

    /// Records what brings all rows up to date.
    pub(crate) fn record_flush(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder) -> Result<()> {
        let Some(deferred) = self.deferred() else { return Ok(()) };
        let dispatches = self.flush_dispatches(gpu, deferred, 0..self.layout.input_dim, flush::NOW)?;
        let missing = Missing::new(gpu, self.training()?)?;
        let before = |encoder: &mut wgpu::CommandEncoder| missing.iter().for_each(|missing| missing.record(encoder));
        gpu.record(encoder, "embedding flush", &dispatches, before, |_| ())
    }

    /// Brings all rows up to date, in submissions of bounded length, also with steps that were dropped.
    pub(crate) fn flush(&self, gpu: &Gpu) -> Result<()> {
        if self.deferred().is_none() {
            return Ok(());
        }
        if let Some(missing) = Missing::new(gpu, self.training()?)? {
            let mut encoder = gpu.encoder("embedding history");
            missing.record(&mut encoder);
            gpu.submit(encoder)?;
        }
        self.flush_submitted(gpu)
    }

    /// The same up to the last step that was submitted.
    pub(crate) fn flush_submitted(&self, gpu: &Gpu) -> Result<()> {
        let Some(deferred) = self.deferred() else { return Ok(()) };
        for dispatch in self.flush_dispatches(gpu, deferred, 0..self.layout.input_dim, flush::NOW)? {
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
