//! A table on the GPU: its shards, with what the optimizer keeps of them.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use super::device::{Constant, Gpu, Pipeline, Resource, constant, lock};
use super::history::{self, Deliveries, Dropped};
use super::kernels::index_check;
use super::kernels::inputs::{self, Step};
use super::layout::{QUAD_BYTES, TableLayout};
use super::mapping::RowMapping;
use super::report::IndexReport;
use super::scratch::Scratch;
use super::state::StateLayout;
use super::table_kernels::KnownPipelines;
use crate::error::{Error, Result};
use crate::memory::check_room_for;
use crate::optimizer::{History, Need, Optimizer, Update};
use crate::shader::Access;
use crate::storage::{Precision, Rounding, Storage};

const TABLE_USAGE: wgpu::BufferUsages =
    wgpu::BufferUsages::STORAGE.union(wgpu::BufferUsages::COPY_SRC).union(wgpu::BufferUsages::COPY_DST);

/// In errors.
const TABLE: &str = "the table and its optimizer's state";

/// Where a rule's scalars are in the buffer of the step's, in bytes: at the strictest alignment that WebGPU knows.
pub(crate) const RULE_OFFSET: u64 = 256;

/// See the module.
#[derive(Debug)]
pub(crate) struct GpuTable {
    pub layout: TableLayout,
    /// How the weights are kept, and rounded.
    pub precision: Precision,
    /// The threads of each row in kernels that copy or update it, and in those that sum.
    pub mapping: RowMapping,
    pub summing: RowMapping,
    pub shards: Vec<Shard>,
    /// `None` on a frozen table.
    pub training: Option<Training>,
    /// The kernels that its calls have used.
    pub(super) pipelines: KnownPipelines,
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

/// How a table trains.
#[derive(Debug)]
pub(crate) struct Training {
    /// As the table was made: it decides the kernels and what is kept. The settings themselves come with each step.
    pub optimizer: Optimizer,
    rounding: Rounding,
    pub state: StateLayout,
    pub update: UpdateKind,
    /// The scalars of the step that is being computed, [`Step`] and at [`RULE_OFFSET`] the rule's; each recorded update copies
    /// its own in. Between steps the last one's number is read.
    pub step: wgpu::Buffer,
}

/// What decides the kernel of an update.
#[derive(Debug)]
pub(crate) enum UpdateKind {
    Dense,
    /// The batch's rows; where nothing happens to a row without a gradient that is the dense update too.
    Lazy,
    Deferred(Box<Deferred>),
}

/// What is kept for the whole of a deferred table.
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
    fn new(gpu: &Gpu, layout: TableLayout, optimizer: &Optimizer, step: u64) -> Result<Self> {
        let history = History::new(optimizer, layout.input_dim, step)?;
        let buffer = gpu.allocate("history", history::size_in_bytes(&history), TABLE_USAGE)?;
        gpu.write(&buffer, 0, bytemuck::cast_slice(&history::powers(&history)))?;
        let mut bytes = Vec::new();
        for [source, place, size] in history::first_changes(&mut bytes, &history) {
            gpu.write(&buffer, place, &bytes[source as usize..][..size as usize])?;
        }
        let deliveries = Arc::new(Deliveries::new(step));
        Ok(Self { history, buffer, deliveries, decaying: optimizer.weight_decay() != 0.0 })
    }

    /// Checks that what was dropped can be made up for.
    pub(crate) fn check_dropped(&self, dropped: Dropped) -> Result<()> {
        let (count, most) = (dropped.count, self.history.most_dropped());
        if count > most { Err(Error::DroppedSteps { count, most }) } else { Ok(()) }
    }

    /// What the pipelines must have now.
    pub(crate) fn need(&self) -> Need {
        // Rows are older than the history knows where its last flush was dropped, and as long as it was not submitted.
        if self.lost_flush(self.deliveries.dropped()) {
            return Need::Terms;
        }
        let need = self.history.need();
        let waiting = self.history.last_flush().filter(|&(flush, _)| flush > self.deliveries.done());
        waiting.map_or(need, |(_, before)| need.max(before))
    }

    /// Whether the last flush is among the steps that were dropped.
    pub(crate) fn lost_flush(&self, dropped: Option<Dropped>) -> bool {
        let flush = self.history.last_flush();
        dropped.zip(flush).is_some_and(|(dropped, (flush, _))| dropped.first <= flush)
    }

    fn constants(&self, need: Need) -> [Constant; 6] {
        let flag = |flag: bool| f64::from(u8::from(flag));
        // Without terms nothing reads it, and one pipeline does for all.
        let horizon = if need.has_terms() { self.history.horizon() } else { 0 };
        [
            ("DECAYING", flag(self.decaying)),
            ("TERMS", flag(need.has_terms())),
            ("RING", self.history.ring().into()),
            ("CUT", self.history.cut().into()),
            ("PAIRS", need.nodes().div_ceil(2) as f64),
            ("HORIZON", horizon.into()),
        ]
    }
}

impl Training {
    /// The constants of the kernels that know what is kept, but for those of a row and for CLIPPED. `need` is what the
    /// pipelines of a deferred table must have, by [`Deferred::need`]: read once, for it may change at any moment.
    pub(crate) fn constants(&self, need: Option<Need>) -> Vec<Constant> {
        let mut constants = self.optimizer.rule().constants();
        constants.extend(self.state.constants());
        constants.push(constant("STOCHASTIC", (self.rounding == Rounding::Stochastic).into()));
        if let Some((deferred, need)) = self.deferred().zip(need) {
            constants.extend(deferred.constants(need));
        }
        constants
    }

    /// What deferred updates keep, where the update is that.
    pub(crate) fn deferred(&self) -> Option<&Deferred> {
        match &self.update {
            UpdateKind::Deferred(deferred) => Some(deferred),
            UpdateKind::Dense | UpdateKind::Lazy => None,
        }
    }
}

/// Some of the table's rows.
#[derive(Debug)]
pub(crate) struct Shard {
    pub rows: Range<u32>,
    /// An [`inputs::ShardPlaces`].
    pub uniform: wgpu::Buffer,
    pub weights: wgpu::Buffer,
    /// `None` on a frozen table.
    pub state: Option<ShardState>,
    /// Groups 0 that were made, each for other bindings.
    groups: Mutex<Vec<(Bound, wgpu::BindGroup)>>,
}

/// The numbers of a group's bindings, each with its access.
type Bound = Vec<(u32, Access)>;

/// What the optimizer keeps of a shard; a small buffer that nobody touches in place of what it does not.
#[derive(Debug)]
pub(crate) struct ShardState {
    /// A record for each row: its state arrays of one number a weight, one after the other.
    pub elements: wgpu::Buffer,
    /// A few words for each row.
    pub rows: wgpu::Buffer,
}

/// How a deferred table goes on from rows that are all up to date.
pub(crate) struct Restart {
    deferred: Deferred,
    /// In place of [`Training::step`].
    scalars: wgpu::Buffer,
    step: u64,
}

impl GpuTable {
    /// Allocates a table: weights zero, and what the optimizer keeps at its first values. `optimizer` is `None` for a frozen
    /// table.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`], on a software adapter before anything is allocated.
    pub(crate) fn new(
        gpu: &Gpu,
        layout: TableLayout,
        (precision, seed): (Precision, u32),
        optimizer: Option<&Optimizer>,
    ) -> Result<Self> {
        let has_row_term = optimizer.is_some_and(|optimizer| optimizer.rule().has_row_term());
        let rounds = optimizer.map_or(1, |optimizer| rounds(optimizer, layout.input_dim));
        let mapping = RowMapping::moved(gpu, layout, rounds, has_row_term);
        let state = optimizer.map(|optimizer| StateLayout::new(optimizer, layout));
        let bytes = state.as_ref().map_or(0, StateLayout::row_bytes) + layout.weight_bytes(precision.storage);
        let bytes = u64::from(layout.input_dim).saturating_mul(bytes);
        // No API tells what a GPU has left; there the allocation tells.
        if gpu.info.device_type == wgpu::DeviceType::Cpu {
            check_room_for(TABLE, bytes)?;
        }
        let training = optimizer
            .zip(state)
            .map(|(optimizer, state)| Training::new(gpu, layout, (precision.rounding, optimizer), state));
        let training = training.transpose()?;
        let shards = (0..)
            .zip(layout.shards())
            .map(|(number, rows)| {
                Shard::new(gpu, layout, (precision.storage, seed), (number, rows), training.as_ref())
            })
            .collect::<Result<_>>()
            .map_err(|error| of_the_table(error, bytes))?;
        let report = IndexReport::new(gpu, layout.input_dim)?;
        let table = index_check::TableSize { input_dim: layout.input_dim };
        let table = gpu.allocate_with("table", bytemuck::bytes_of(&table), wgpu::BufferUsages::UNIFORM)?;
        let resources =
            [("table", table.as_entire_buffer_binding()), ("report", report.buffer.as_entire_buffer_binding())];
        let bindings: Vec<_> = index_check::INDEX_CHECK.bindings.iter().collect();
        let table = Self {
            layout,
            precision,
            mapping,
            summing: RowMapping::summed(gpu, layout),
            shards,
            training,
            pipelines: KnownPipelines::default(),
            report_group: gpu.bind_group("index_check", &bindings, &resources)?,
            report,
            partial_sums: Scratch::new("partial sums", wgpu::BufferUsages::STORAGE),
            row_sums: Scratch::new("row sums", wgpu::BufferUsages::STORAGE),
            squares: Scratch::new("squares", wgpu::BufferUsages::STORAGE),
        };
        table.write_first_values(gpu)?;
        Ok(table)
    }

    /// An empty table of the same layout and precision, to be copied from: it is never trained itself.
    #[cfg(all(feature = "files", not(target_arch = "wasm32")))]
    pub(crate) fn like(&self, gpu: &Gpu, optimizer: Option<&Optimizer>) -> Result<Self> {
        Self::new(gpu, self.layout, (self.precision, 0), optimizer)
    }

    pub(crate) fn training(&self) -> Result<&Training> {
        self.training.as_ref().ok_or(Error::Frozen)
    }

    /// What deferred updates keep, where the update is that.
    pub(crate) fn deferred(&self) -> Option<&Deferred> {
        self.training.as_ref().and_then(Training::deferred)
    }

    /// Group 0 of a kernel of the table's, for a shard of it.
    pub(crate) fn group(&self, gpu: &Gpu, shard: &Shard, pipeline: &Pipeline) -> Result<wgpu::BindGroup> {
        let key = || pipeline.groups[0].iter().map(|binding| (binding.number, binding.access));
        let known = lock(&shard.groups).iter().find(|(known, _)| known.iter().copied().eq(key())).cloned();
        if let Some((_, group)) = known {
            return Ok(group);
        }
        let group = gpu.bind(pipeline, 0, &self.resources(shard))?;
        lock(&shard.groups).push((key().collect(), group.clone()));
        Ok(group)
    }

    fn resources<'a>(&'a self, shard: &'a Shard) -> Vec<Resource<'a>> {
        let whole = wgpu::Buffer::as_entire_buffer_binding;
        let mut resources = vec![("shard", whole(&shard.uniform)), ("weights", whole(&shard.weights))];
        if let (Some(state), Some(training)) = (&shard.state, &self.training) {
            let of_step = |offset: u64, size: u64| wgpu::BufferBinding {
                buffer: &training.step,
                offset,
                size: wgpu::BufferSize::new(size),
            };
            resources.extend([
                ("state", whole(&state.elements)),
                ("row_state", whole(&state.rows)),
                ("step", of_step(0, size_of::<Step>() as u64)),
                ("rule", of_step(RULE_OFFSET, training.step.size() - RULE_OFFSET)),
            ]);
            if let Some(deferred) = training.deferred() {
                resources.push(("history", whole(&deferred.buffer)));
            }
        }
        resources
    }

    /// Goes on with other settings of the same optimizer, after `step` steps, from rows that are brought up to date. Where too
    /// many steps were dropped to make up for, that is up to the last one before.
    pub(crate) fn set_optimizer(&mut self, gpu: &Gpu, optimizer: &Optimizer, step: u64) -> Result<()> {
        let restart = self.prepare_restart(gpu, optimizer, step)?;
        match self.flush(gpu) {
            Err(Error::DroppedSteps { .. }) => self.flush_submitted(gpu)?,
            result => result?,
        }
        self.restart(gpu, restart)
    }

    /// What [`restart`](Self::restart) needs, made before anything is changed: it may fail for want of memory.
    pub(crate) fn prepare_restart(&self, gpu: &Gpu, optimizer: &Optimizer, step: u64) -> Result<Option<Restart>> {
        if self.deferred().is_none() {
            return Ok(None);
        }
        let rounds = rounds(optimizer, self.layout.input_dim);
        if !self.mapping.runs_to_the_end(gpu, rounds) {
            return Err(Error::InvalidConfig(format!(
                "on a software adapter a table that was made with other settings cannot go on with these, under which what \
                 a row has missed takes {rounds} rounds of a loop; make the table with them"
            )));
        }
        // Into buffers of their own: the history may be longer now, and what is recorded still reads the old ones.
        let deferred = Deferred::new(gpu, self.layout, optimizer, step)?;
        Ok(Some(Restart { deferred, scalars: step_buffer(gpu, optimizer, step)?, step }))
    }

    /// Goes on as a new table would, from rows that are all up to date, with nothing remembered of the steps before.
    pub(crate) fn restart(&mut self, gpu: &Gpu, restart: Option<Restart>) -> Result<()> {
        let (Some(Restart { deferred, scalars, step }), Some(training)) = (restart, &mut self.training) else {
            return Ok(());
        };
        training.update = UpdateKind::Deferred(Box::new(deferred));
        training.step = scalars;
        self.pipelines.forget();
        for shard in &mut self.shards {
            lock(&shard.groups).clear();
        }
        self.write_steps(gpu, step as u32)
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

/// Rounds of the loops that a quad takes, at most: the terms of a sum in each segment in which they may count, and the segments
/// of what was missed.
fn rounds(optimizer: &Optimizer, input_dim: u32) -> u32 {
    let course = optimizer.rule().course().filter(|_| optimizer.catches_up());
    course.map_or(1, |course| {
        let segments = course.most_segments(input_dim);
        let terms =
            if course.nodes.is_some() { course.horizon() * course.segments_with_terms().min(segments) } else { 0 };
        terms + segments
    })
}

impl Training {
    fn new(
        gpu: &Gpu,
        layout: TableLayout,
        (rounding, optimizer): (Rounding, &Optimizer),
        state: StateLayout,
    ) -> Result<Self> {
        let update = match optimizer.update() {
            Update::Dense => UpdateKind::Dense,
            Update::Deferred if optimizer.catches_up() => {
                UpdateKind::Deferred(Box::new(Deferred::new(gpu, layout, optimizer, 0)?))
            }
            Update::Deferred | Update::Lazy => UpdateKind::Lazy,
        };
        Ok(Self { optimizer: *optimizer, rounding, state, update, step: step_buffer(gpu, optimizer, 0)? })
    }
}

/// Room for a step's scalars, after `step` steps: what catches rows up reads that number before the next step brings its own.
fn step_buffer(gpu: &Gpu, optimizer: &Optimizer, step: u64) -> Result<wgpu::Buffer> {
    let scalars = optimizer.rule().scalars(1).len() * 4;
    let mut bytes = vec![0; RULE_OFFSET as usize + scalars];
    let number = Step::NUMBER as usize;
    bytes[number..][..4].copy_from_slice(&(step as u32).to_ne_bytes());
    let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
    gpu.allocate_with("step", &bytes, usage)
}

impl Shard {
    fn new(
        gpu: &Gpu,
        layout: TableLayout,
        (storage, seed): (Storage, u32),
        (number, rows): (u32, Range<u32>),
        training: Option<&Training>,
    ) -> Result<Self> {
        let place_count = rows.end - rows.start;
        let bytes = |of_row: u64| u64::from(place_count) * of_row;
        let uniform = shard_places(gpu, layout, (number, &rows), seed)?;
        let weights = gpu.allocate("weights", bytes(layout.weight_bytes(storage)), TABLE_USAGE)?;
        let state = training.map(|Training { state, .. }| {
            Ok(ShardState {
                elements: gpu.allocate("state", bytes(state.record_bytes()).max(QUAD_BYTES), TABLE_USAGE)?,
                rows: gpu.allocate("row_state", bytes(state.row_words_bytes()).max(QUAD_BYTES), TABLE_USAGE)?,
            })
        });
        Ok(Self { rows, uniform, weights, state: state.transpose()?, groups: Mutex::default() })
    }

    /// In place of those that it was made with.
    #[cfg(all(feature = "files", not(target_arch = "wasm32")))]
    pub(super) fn set_places(&mut self, uniform: wgpu::Buffer) {
        self.uniform = uniform;
        lock(&self.groups).clear();
    }
}

/// An [`inputs::ShardPlaces`]; the seed is that of stochastic rounding.
pub(super) fn shard_places(
    gpu: &Gpu,
    layout: TableLayout,
    (number, rows): (u32, &Range<u32>),
    seed: u32,
) -> Result<wgpu::Buffer> {
    let place_count = rows.end - rows.start;
    let places =
        inputs::ShardPlaces { first_place: rows.start, place_count, input_dim: layout.input_dim, number, seed };
    gpu.allocate_with("shard", bytemuck::bytes_of(&places), wgpu::BufferUsages::UNIFORM)
}

/// Says what the whole table needs where one of its buffers was refused.
fn of_the_table(error: Error, required: u64) -> Error {
    match error {
        Error::OutOfMemory { reason, .. } => Error::OutOfMemory { what: TABLE, required, reason },
        error => error,
    }
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
