//! The history of a deferred table as the kernels read it (shaders/shared/history.wgsl), and what each step brings.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::device::{Gpu, lock};
use super::kernels::inputs::{self, POWERS, STEP_QUADS};
use super::table::{Deferred, RULE_OFFSET, Training};
use crate::error::Result;
use crate::optimizer::{Course, History, Optimizer, PastStep, Scaled, power};
use crate::shader::Words;

const QUADS_PER_STEP: u64 = STEP_QUADS as u64;

const QUAD_BYTES: u64 = size_of::<Words>() as u64;

/// Bytes of the whole buffer.
pub(crate) fn size_in_bytes(history: &History) -> u64 {
    (first_whole(history) + u64::from(history.whole_segments())) * QUAD_BYTES
}

/// The quad with which the whole segments begin.
fn first_whole(history: &History) -> u64 {
    first_step(history) + u64::from(history.ring()) * QUADS_PER_STEP
}

/// The quad with which the steps begin.
fn first_step(history: &History) -> u64 {
    u64::from(POWERS + history.ring() / POWERS + 1)
}

/// What stays the same: the powers, with which it begins.
pub(crate) fn powers(history: &History) -> Vec<Words> {
    let course = &history.course;
    let powers = |step: u32| {
        move |i: u32| {
            let power = |base: f64| (power(base, u64::from(i * step)) as f32).to_bits();
            [power(course.bases[0]), power(course.bases[1]), power(course.root), 0]
        }
    };
    let low = (0..POWERS).map(powers(1));
    low.chain((0..=history.ring() / POWERS).map(powers(POWERS))).collect()
}

/// What a buffer must be given beside the powers for rows that are all up to date: as [`push_changes`].
pub(crate) fn first_changes(bytes: &mut Vec<u8>, history: &History) -> Vec<[u64; 3]> {
    push_changes(bytes, history, 0)
}

/// The quotients are pairs of weights and of nodes times epsilon, in the order in which they are added.
fn of_step(step: &PastStep, course: &Course) -> [Words; QUADS_PER_STEP as usize] {
    let &Course { epsilon, sign, .. } = course;
    let bits = |value: f64| (value as f32).to_bits();
    let [mantissa, exponent] = scaled(step.decay);
    let rule = &step.rule;
    let pair = |first: usize| {
        let [one, other] = [first, first + 1];
        [sign * rule.weights[one], sign * rule.weights[other], epsilon * rule.nodes[one], epsilon * rule.nodes[other]]
            .map(bits)
    };
    // The bound is as exact as f64; the comparison is not.
    let least_root = 1.001 * epsilon * rule.least;
    [
        pair(0),
        pair(2),
        pair(4),
        [bits(least_root), mantissa, exponent, fixed(1.0 / step.decay.mantissa, 31)],
        [bits(step.size), bits(step.epsilon), 0, 0],
    ]
}

/// Only differences of exponents count, so that they may wrap.
fn scaled(value: Scaled) -> [u32; 2] {
    [fixed(value.mantissa, 32), value.halvings.wrapping_neg() as u32]
}

/// A number counted in 2^-`bits`ths, with more bits than an f32 has. Its largest value saturates, by one.
fn fixed(value: f64, bits: u32) -> u32 {
    (value * (1u64 << bits) as f64 + 0.5) as u32
}

/// What is known of the steps that were recorded: whether they reached the GPU, or were dropped with their encoder.
#[derive(Debug)]
pub(crate) struct Deliveries {
    /// The last step that has, with its work done.
    done: AtomicU64,
    dropped: Mutex<Option<Dropped>>,
}

/// Steps that were dropped and not made up for yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dropped {
    /// The first of them.
    pub first: u64,
    pub count: u64,
}

impl Deliveries {
    /// After `step` steps that have all reached the GPU.
    pub(crate) fn new(step: u64) -> Self {
        Self { done: AtomicU64::new(step), dropped: Mutex::default() }
    }

    /// The last step that is known to have been made.
    pub(crate) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    pub(crate) fn dropped(&self) -> Option<Dropped> {
        *lock(&self.dropped)
    }

    /// Steps that were dropped have been recorded again. Others may have been dropped since.
    pub(crate) fn make_up_for(&self, dropped: Dropped) {
        let mut all = lock(&self.dropped);
        *all = all
            .filter(|all| all.count > dropped.count)
            .map(|all| Dropped { count: all.count - dropped.count, ..all });
    }

    pub(crate) fn put_dropped(&self, dropped: Dropped) {
        let mut all = lock(&self.dropped);
        let (first, count) = all.map_or((dropped.first, 0), |all| (all.first.min(dropped.first), all.count));
        *all = Some(Dropped { first, count: count + dropped.count });
    }

    /// Learns what becomes of an encoder that has this step, and makes up for what was dropped before.
    fn watch(self: &Arc<Self>, encoder: &wgpu::CommandEncoder, step: u64, made_up: Option<Dropped>) {
        struct Watch {
            deliveries: Arc<Deliveries>,
            step: Dropped,
            is_done: bool,
        }
        impl Drop for Watch {
            fn drop(&mut self) {
                // Not called: the encoder was dropped, and this with it.
                if !self.is_done {
                    self.deliveries.put_dropped(self.step);
                }
            }
        }
        let dropped = made_up.unwrap_or(Dropped { first: step, count: 0 });
        let dropped = Dropped { count: dropped.count + 1, ..dropped };
        let mut watch = Watch { deliveries: self.clone(), step: dropped, is_done: false };
        encoder.on_submitted_work_done(move || {
            watch.is_done = true;
            watch.deliveries.done.fetch_max(step, Ordering::Relaxed);
        });
    }
}

/// Which rows a step catches up before its update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Catching {
    /// Those whose turn it is, up to the last cut.
    Due,
    /// All, up to now.
    All,
}

/// What one recorded step brings to the GPU, in a buffer of its own.
pub(crate) struct StepData<'a> {
    buffer: wgpu::Buffer,
    /// Bytes of the scalars, with which it begins.
    scalars: u64,
    /// Copies into the history, before the step's kernels and after them: from, to and size.
    before: Vec<[u64; 3]>,
    after: Vec<[u64; 3]>,
    deferred: Option<&'a Deferred>,
    /// What it makes up for.
    dropped: Option<Dropped>,
    /// The history after the step.
    pub history: Option<History>,
}

impl<'a> StepData<'a> {
    /// The part of the history that dropped steps should have brought is brought again.
    pub(crate) fn new(
        gpu: &Gpu,
        optimizer: &Optimizer,
        (step, scalars): (&inputs::Step, &[f32]),
        deferred: Option<(&'a Deferred, Catching)>,
        dropped: Option<Dropped>,
    ) -> Result<Self> {
        let mut bytes = bytemuck::bytes_of(step).to_vec();
        bytes.resize(RULE_OFFSET as usize, 0);
        bytes.extend_from_slice(bytemuck::cast_slice(scalars));
        let scalars = bytes.len() as u64;
        let (mut before, mut after) = (Vec::new(), Vec::new());
        let history = deferred.map(|(deferred, catching)| {
            if let Some(dropped) = dropped {
                before = push_changes(&mut bytes, &deferred.history, dropped.first);
            }
            let since = dropped.map_or(deferred.history.now() + 1, |dropped| dropped.first);
            let mut history = deferred.history.clone();
            let done = deferred.deliveries.done();
            if catching == Catching::All {
                history.flushed();
            }
            history.advance(optimizer, done.min(since - 1));
            after = push_changes(&mut bytes, &history, since);
            history
        });
        let usage = wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC;
        let buffer = gpu.allocate_with("step", &bytes, usage)?;
        let deferred = deferred.map(|(deferred, _)| deferred);
        Ok(Self { buffer, scalars, before, after, deferred, dropped, history })
    }

    /// Records what the step's kernels need: the scalars, and what an earlier step should have brought.
    pub(crate) fn record_before(&self, encoder: &mut wgpu::CommandEncoder, scalars: &wgpu::Buffer) {
        encoder.copy_buffer_to_buffer(&self.buffer, 0, scalars, 0, self.scalars);
        self.copy(encoder, &self.before);
    }

    /// Records the history after the step; its kernels catch rows up to the step before.
    pub(crate) fn record_after(&self, encoder: &mut wgpu::CommandEncoder) {
        self.copy(encoder, &self.after);
    }

    /// Watches the encoder, which has it all.
    pub(crate) fn recorded(self, encoder: &wgpu::CommandEncoder) -> Option<History> {
        let history = self.history?;
        self.deferred?.deliveries.watch(encoder, history.now(), self.dropped);
        Some(history)
    }

    fn copy(&self, encoder: &mut wgpu::CommandEncoder, copies: &[[u64; 3]]) {
        if let Some(deferred) = self.deferred {
            copy(encoder, &self.buffer, &deferred.buffer, copies);
        }
    }
}

fn copy(encoder: &mut wgpu::CommandEncoder, from: &wgpu::Buffer, to: &wgpu::Buffer, copies: &[[u64; 3]]) {
    for &[source, destination, size] in copies {
        encoder.copy_buffer_to_buffer(from, source, to, destination, size);
    }
}

/// What steps that were dropped should have brought, for calls that need it before the next step brings it: the number of
/// the last one, and the history.
pub(crate) struct Missing<'a> {
    buffer: wgpu::Buffer,
    copies: Vec<[u64; 3]>,
    step: &'a wgpu::Buffer,
    history: &'a wgpu::Buffer,
}

impl<'a> Missing<'a> {
    /// `None` if nothing is missing.
    pub(crate) fn new(gpu: &Gpu, training: &'a Training) -> Result<Option<Self>> {
        let Some(deferred) = training.deferred() else { return Ok(None) };
        let Some(dropped) = deferred.deliveries.dropped() else { return Ok(None) };
        deferred.check_dropped(dropped)?;
        let mut bytes = (deferred.history.now() as u32).to_ne_bytes().to_vec();
        let copies = push_changes(&mut bytes, &deferred.history, dropped.first);
        let usage = wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC;
        let buffer = gpu.allocate_with("history", &bytes, usage)?;
        Ok(Some(Self { buffer, copies, step: &training.step, history: &deferred.buffer }))
    }

    pub(crate) fn record(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.copy_buffer_to_buffer(&self.buffer, 0, self.step, inputs::Step::NUMBER, 4);
        copy(encoder, &self.buffer, self.history, &self.copies);
    }
}

/// Adds to `bytes` what has changed since a step, and gives the copies that bring it into the history.
fn push_changes(bytes: &mut Vec<u8>, history: &History, since: u64) -> Vec<[u64; 3]> {
    let ring = u64::from(history.ring());
    let first_step = first_step(history);
    let mut copies = Vec::new();
    let mut push = |quad: u64, quads: &[Words]| {
        copies.push([bytes.len() as u64, quad * QUAD_BYTES, size_of_val(quads) as u64]);
        bytes.extend_from_slice(bytemuck::cast_slice(quads));
    };
    for (segment, decay) in history.ended(since) {
        let place = first_whole(history) + segment % u64::from(history.whole_segments());
        push(place, &[[(decay as f32).to_bits(), 0, 0, 0]]);
    }
    let (first, mut changed) = history.changed(since);
    // The ring's end may lie between them.
    let place = first % ring;
    let (before_end, all) = ((ring - place) as usize, (history.now() + 1 - first) as usize);
    bytes.reserve(all * STEP_QUADS as usize * size_of::<Words>());
    for (place, count) in [(place, all.min(before_end)), (0, all.saturating_sub(before_end))] {
        if count > 0 {
            let size = count as u64 * QUADS_PER_STEP * QUAD_BYTES;
            copies.push([bytes.len() as u64, (first_step + place * QUADS_PER_STEP) * QUAD_BYTES, size]);
            for step in changed.by_ref().take(count) {
                bytes.extend_from_slice(bytemuck::cast_slice(&of_step(step, &history.course)));
            }
        }
    }
    copies
}
