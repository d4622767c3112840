//! The table on the GPU: shards of weights and moments.

use std::ops::Range;
use std::sync::Arc;

use super::device::Gpu;
use super::history::{self, Deliveries, Dropped};
use super::kernels::adam::{self, AdamStep};
use super::kernels::{self, gather, gather_deferred, index_check};
use super::layout::{QUAD_BYTES, TableLayout};
use super::mapping::RowMapping;
use super::readback::PIECE_BYTES;
use super::report::IndexReport;
use super::scratch::Scratch;
use crate::error::{Error, Result};
use crate::memory::check_room_for;
use crate::optimizer::{Adam, History, Update, horizon};

const TABLE_USAGE: wgpu::BufferUsages =
    wgpu::BufferUsages::STORAGE.union(wgpu::BufferUsages::COPY_SRC).union(wgpu::BufferUsages::COPY_DST);

/// In errors.
const TABLE: &str = "the table and its moments";

/// See the module.
#[derive(Debug)]
pub(crate) struct GpuTable {
    pub layout: TableLayout,
    /// The threads of each row in kernels that copy or update it, and in those that sum.
    pub mapping: RowMapping,
    pub summing: RowMapping,
    pub shards: Vec<Shard>,
    /// `None` on a frozen table.
    pub update: Option<UpdateKind>,
    pub amsgrad: bool,
    /// The scalars of the step that is being computed; each recorded update copies its own in.
    pub step: wgpu::Buffer,
    pub report: IndexReport,
    /// Group 0 of the index check.
    pub report_group: wgpu::BindGroup,
    /// Partial sums of long runs, between the kernel that makes them and the one that uses them.
    pub partial_sums: Scratch,
    /// The sums of all runs, where the update takes them from memory.
    pub row_sums: Scratch,
    /// The squares of a summed gradient, on the way to its norm.
    pub squares: Scratch,
}

/// What decides the kernel and the state of an update; the rest of Adam's settings comes with each step.
#[derive(Debug)]
pub(crate) enum UpdateKind {
    Dense,
    Lazy,
    Deferred(Deferred),
}

/// What deferred Adam keeps for the whole table.
#[derive(Debug)]
pub(crate) struct Deferred {
    pub history: History,
    /// As the kernels read it.
    pub buffer: wgpu::Buffer,
    pub deliveries: Arc<Deliveries>,
    decaying: bool,
}

impl Deferred {
    /// For rows that are all up to date after `step` steps.
    fn new(gpu: &Gpu, layout: TableLayout, adam: &Adam, step: u64) -> Result<Self> {
        let history = History::new(adam, layout.input_dim, step)?;
        let contents = history::contents(&history, adam);
        let buffer = gpu.allocate("history", size_of_val(&contents[..]) as u64, TABLE_USAGE)?;
        gpu.write(&buffer, 0, bytemuck::cast_slice(&contents))?;
        let deliveries = Arc::new(Deliveries::new(step));
        Ok(Self { history, buffer, deliveries, decaying: adam.weight_decay != 0.0 })
    }

    /// Checks that what was dropped can be made up for.
    pub(crate) fn check_dropped(&self, dropped: Dropped) -> Result<()> {
        let (count, most) = (dropped.count, self.history.most_dropped());
        if count > most { Err(Error::DroppedSteps { count, most }) } else { Ok(()) }
    }

    /// DECAYING, TERMS and RING of the kernels that catch rows up.
    pub(crate) fn constants(&self) -> [f64; 3] {
        let [decaying, terms] = [self.decaying, self.history.needs_terms()].map(|flag| f64::from(u8::from(flag)));
        [decaying, terms, self.history.ring().into()]
    }
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
    /// Group 0 of the gather.
    pub lookup_group: wgpu::BindGroup,
    /// Group 0 of the update; `None` on a frozen table.
    pub update_group: Option<wgpu::BindGroup>,
}

/// A shard's optimizer state.
#[derive(Debug)]
pub(crate) struct Moments {
    pub first: wgpu::Buffer,
    pub second: wgpu::Buffer,
    /// One quad that nobody touches, without amsgrad.
    pub largest: wgpu::Buffer,
    /// With deferred Adam, the step up to which each thread's part of a row is current, one u32 for each; one quad that
    /// nobody touches, without.
    pub last_step: wgpu::Buffer,
}

/// How a deferred table goes on from rows that are all up to date.
pub(crate) struct Restart {
    update: UpdateKind,
    /// Of each shard, as [`Moments::bind`] gives them.
    groups: Vec<(wgpu::BindGroup, wgpu::BindGroup)>,
    step: u64,
}

impl GpuTable {
    /// Allocates a table with all numbers zero. `adam` is `None` for a frozen table.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`], on a software adapter before anything is allocated.
    pub(crate) fn new(gpu: &Gpu, layout: TableLayout, adam: Option<&Adam>) -> Result<Self> {
        let amsgrad = adam.is_some_and(|adam| adam.amsgrad);
        let deferred = adam.filter(|adam| adam.update == Update::Deferred);
        let is_deferred = deferred.is_some();
        let mapping = RowMapping::moved(gpu, layout, deferred.map_or(1, horizon));
        let arrays = 1 + 2 * u64::from(adam.is_some()) + u64::from(amsgrad);
        let steps = if is_deferred { u64::from(mapping.threads()) * 4 } else { 0 };
        let bytes = u64::from(layout.input_dim).saturating_mul(layout.row_bytes() * arrays + steps);
        // No API tells what a GPU has left; there the allocation tells.
        if gpu.info.device_type == wgpu::DeviceType::Cpu {
            check_room_for(TABLE, bytes)?;
        }
        let update = match adam {
            None => None,
            Some(adam) => Some(match adam.update {
                Update::Dense => UpdateKind::Dense,
                Update::Lazy => UpdateKind::Lazy,
                Update::Deferred => UpdateKind::Deferred(Deferred::new(gpu, layout, adam, 0)?),
            }),
        };
        let uniform = wgpu::BufferUsages::UNIFORM;
        let step_usage = uniform | wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let step = gpu.allocate("step", size_of::<AdamStep>() as u64, step_usage)?;
        let shards = (0..)
            .zip(layout.shards())
            .map(|(number, rows)| Shard::new(gpu, layout, (number, rows), mapping, (update.as_ref(), amsgrad), &step))
            .collect::<Result<_>>()
            .map_err(|error| of_the_table(error, bytes))?;
        let report = IndexReport::new(gpu, layout.input_dim)?;
        let table = index_check::Table { input_dim: layout.input_dim };
        let table = gpu.allocate_with("table", bytemuck::bytes_of(&table), uniform)?;
        let resources = [table.as_entire_buffer_binding(), report.buffer.as_entire_buffer_binding()];
        Ok(Self {
            layout,
            mapping,
            summing: RowMapping::summed(layout),
            shards,
            update,
            amsgrad,
            step,
            report_group: gpu.bind("index_check", index_check::REPORT, &resources)?,
            report,
            partial_sums: Scratch::new("partial sums", wgpu::BufferUsages::STORAGE),
            row_sums: Scratch::new("row sums", wgpu::BufferUsages::STORAGE),
            squares: Scratch::new("squares", wgpu::BufferUsages::STORAGE),
        })
    }

    /// What deferred Adam keeps, where that is the update.
    pub(crate) fn deferred(&self) -> Option<&Deferred> {
        match &self.update {
            Some(UpdateKind::Deferred(deferred)) => Some(deferred),
            _ => None,
        }
    }

    /// Goes on with other settings of the same update and amsgrad, after `step` steps, from rows that are brought up to date.
    /// Where too many steps were dropped to make up for, that is up to the last one before.
    pub(crate) fn set_optimizer(&mut self, gpu: &Gpu, adam: &Adam, step: u64) -> Result<()> {
        let restart = self.prepare_restart(gpu, adam, step)?;
        match self.flush(gpu) {
            Err(Error::DroppedSteps { .. }) => self.flush_submitted(gpu)?,
            result => result?,
        }
        self.restart(gpu, restart)
    }

    /// What [`restart`](Self::restart) needs, made before anything is changed: it may fail for want of memory.
    pub(crate) fn prepare_restart(&self, gpu: &Gpu, adam: &Adam, step: u64) -> Result<Option<Restart>> {
        if self.deferred().is_none() {
            return Ok(None);
        }
        if !self.mapping.runs_to_the_end(gpu, horizon(adam)) {
            return Err(Error::InvalidConfig(format!(
                "on a software adapter a table that was made with other betas cannot go on with beta_1 {} and beta_2 {}, \
                 under which what a row has missed takes {} terms; make the table with them",
                adam.beta_1,
                adam.beta_2,
                horizon(adam)
            )));
        }
        // Into a buffer of its own: the history may be longer now, and what is recorded still reads the old one.
        let update = UpdateKind::Deferred(Deferred::new(gpu, self.layout, adam, step)?);
        let groups = self
            .shards
            .iter()
            .map(|Shard { uniform, weights, moments, .. }| {
                let moments = moments.as_ref().ok_or(Error::Frozen)?;
                moments.bind(gpu, (uniform, &self.step, weights), &update, self.amsgrad)
            })
            .collect::<Result<_>>()?;
        Ok(Some(Restart { update, groups, step }))
    }

    /// Goes on as a new table would, from rows that are all up to date, with nothing remembered of the steps before.
    pub(crate) fn restart(&mut self, gpu: &Gpu, restart: Option<Restart>) -> Result<()> {
        let Some(Restart { update, groups, step }) = restart else { return Ok(()) };
        for moments in self.shards.iter().filter_map(|shard| shard.moments.as_ref()) {
            fill(gpu, &moments.last_step, step as u32)?;
        }
        for (shard, (lookup, update)) in self.shards.iter_mut().zip(groups) {
            shard.lookup_group = lookup;
            shard.update_group = Some(update);
        }
        self.update = Some(update);
        Ok(())
    }

    /// A buffer for a gradient from the host, filled; for calls that submit at once.
    pub(crate) fn upload_gradient(gpu: &Gpu, gradient: &[f32]) -> Result<wgpu::Buffer> {
        // One for each call: a shared one could be overwritten by another thread's call before this one is submitted.
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let buffer = gpu.allocate("gradient", (size_of_val(gradient) as u64).max(QUAD_BYTES), usage)?;
        gpu.write(&buffer, 0, bytemuck::cast_slice(gradient))?;
        Ok(buffer)
    }
}

impl Shard {
    fn new(
        gpu: &Gpu,
        layout: TableLayout,
        (number, rows): (u32, Range<u32>),
        mapping: RowMapping,
        (update, amsgrad): (Option<&UpdateKind>, bool),
        step: &wgpu::Buffer,
    ) -> Result<Self> {
        let row_count = rows.end - rows.start;
        let bytes = u64::from(row_count) * layout.row_bytes();
        let uniform = kernels::Shard { first_row: rows.start, row_count, input_dim: layout.input_dim, number };
        let uniform = gpu.allocate_with("shard", bytemuck::bytes_of(&uniform), wgpu::BufferUsages::UNIFORM)?;
        let weights = gpu.allocate("weights", bytes, TABLE_USAGE)?;
        let moments = match update {
            None => None,
            Some(update) => {
                let steps = match update {
                    UpdateKind::Deferred(_) => u64::from(row_count) * u64::from(mapping.threads()) * 4,
                    UpdateKind::Dense | UpdateKind::Lazy => QUAD_BYTES,
                };
                Some(Moments {
                    first: gpu.allocate("first_moment", bytes, TABLE_USAGE)?,
                    second: gpu.allocate("second_moment", bytes, TABLE_USAGE)?,
                    largest: gpu.allocate("largest_moment", if amsgrad { bytes } else { QUAD_BYTES }, TABLE_USAGE)?,
                    last_step: gpu.allocate("last_step", steps, TABLE_USAGE)?,
                })
            }
        };
        let (lookup_group, update_group) = match (&moments, update) {
            (Some(moments), Some(update)) => {
                let (lookup, update) = moments.bind(gpu, (&uniform, step, &weights), update, amsgrad)?;
                (lookup, Some(update))
            }
            _ => {
                let table = [uniform.as_entire_buffer_binding(), weights.as_entire_buffer_binding()];
                (gpu.bind("gather", gather::TABLE, &table)?, None)
            }
        };
        Ok(Self { rows, uniform, weights, moments, lookup_group, update_group })
    }
}

impl Moments {
    /// Group 0 of the gather, and of the update.
    fn bind(
        &self,
        gpu: &Gpu,
        (uniform, step, weights): (&wgpu::Buffer, &wgpu::Buffer, &wgpu::Buffer),
        update: &UpdateKind,
        amsgrad: bool,
    ) -> Result<(wgpu::BindGroup, wgpu::BindGroup)> {
        let Self { first, second, largest, last_step } = self;
        let bind = |what, bindings, buffers: &[&wgpu::Buffer]| {
            let resources: Vec<_> = buffers.iter().map(|buffer| buffer.as_entire_buffer_binding()).collect();
            gpu.bind(what, bindings, &resources)
        };
        match update {
            UpdateKind::Deferred(Deferred { buffer: history, .. }) => {
                let root_moment = if amsgrad { largest } else { second };
                let current = [uniform, weights, first, root_moment, last_step, history];
                let trained = [uniform, step, weights, first, second, largest, last_step, history];
                Ok((
                    bind("gather_deferred", gather_deferred::TABLE, &current)?,
                    bind("adam_deferred", adam::DEFERRED_TABLE, &trained)?,
                ))
            }
            UpdateKind::Dense | UpdateKind::Lazy => Ok((
                bind("gather", gather::TABLE, &[uniform, weights])?,
                bind("adam", adam::TABLE, &[uniform, step, weights, first, second, largest])?,
            )),
        }
    }
}

/// Says what the whole table needs where one of its buffers was refused.
fn of_the_table(error: Error, required: u64) -> Error {
    match error {
        Error::OutOfMemory { reason, .. } => Error::OutOfMemory { what: TABLE, required, reason },
        error => error,
    }
}

/// Writes one word all over a buffer.
fn fill(gpu: &Gpu, buffer: &wgpu::Buffer, word: u32) -> Result<()> {
    let piece = vec![word; (buffer.size().min(PIECE_BYTES) / 4) as usize];
    for offset in (0..buffer.size()).step_by(PIECE_BYTES as usize) {
        let words = (buffer.size() - offset).min(PIECE_BYTES) / 4;
        gpu.write(buffer, offset, bytemuck::cast_slice(&piece[..words as usize]))?;
        // Lets go of the queue's own copy before the next piece.
        gpu.submit(gpu.encoder("fill"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_buffer_is_an_error_of_the_whole_table() {
        let refused = Error::OutOfMemory { what: "weights", required: 10, reason: "no".to_owned() };
        let expected = Error::OutOfMemory { what: TABLE, required: 1_000, reason: "no".to_owned() };
        assert_eq!(of_the_table(refused, 1_000), expected);
        assert_eq!(of_the_table(Error::Frozen, 1_000), Error::Frozen);
    }
}
