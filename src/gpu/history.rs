//! The history of deferred Adam as the kernels read it (shaders/shared/history.wgsl), and what each step brings.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::device::{Gpu, lock};
use super::kernels::inputs;
use super::table::{Deferred, RULE_OFFSET, history_of};
use crate::error::Result;
use crate::optimizer::{self, Adam, History, Optimizer, Scaled, Step};
use crate::shader::Words;

/// Powers in a table; `POWERS` in history.wgsl.
pub(crate) const POWERS: u32 = 256;

/// The first of them; `FIRST_POWER` in history.wgsl.
pub(crate) const FIRST_POWER: u32 = 1;

/// Quads that a step has.
const QUADS_PER_STEP: u64 = 3;

const QUAD_BYTES: u64 = size_of::<Words>() as u64;

/// The whole buffer, of rows that are all up to date.
pub(crate) fn contents(history: &History, adam: &Adam) -> Vec<Words> {
    let [beta_1, beta_2] = adam.kernel_betas();
    let powers = |step: u32| {
        move |i: u32| {
            let power = |base: f64| (optimizer::power(base, u64::from(i * step)) as f32).to_bits();
            [power(beta_1), power(beta_2), power(history.root()), 0]
        }
    };
    let mut quads = vec![clock(history)];
    quads.extend((0..POWERS).map(powers(1)));
    quads.extend((0..=history.ring() / POWERS).map(powers(POWERS)));
    let first_step = quads.len();
    quads.resize(first_step + history.ring() as usize * QUADS_PER_STEP as usize, [0; 4]);
    let (first, changed) = history.changed(0);
    for (number, step) in (first..).zip(changed) {
        let place = first_step + (number % u64::from(history.ring()) * QUADS_PER_STEP) as usize;
        quads[place..][..QUADS_PER_STEP as usize].copy_from_slice(&of_step(step));
    }
    quads
}

fn clock(history: &History) -> Words {
    let [mantissa, exponent] = scaled(history.decay());
    [history.now() as u32, mantissa, exponent, history.horizon()]
}

fn of_step(step: &Step) -> [Words; QUADS_PER_STEP as usize] {
    let bits = |value: f64| (value as f32).to_bits();
    let [mantissa, exponent] = scaled(step.decay);
    let rule = &step.rule;
    [
        [rule.p, rule.a, rule.b, rule.c].map(bits),
        [bits(rule.least_root), mantissa, exponent, 0],
        [bits(step.step_size), bits(step.epsilon), 0, 0],
    ]
}

/// Only differences of exponents count, so that they may wrap.
fn scaled(value: Scaled) -> [u32; 2] {
    [(value.mantissa as f32).to_bits(), value.halvings.wrapping_neg() as u32]
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

    fn dropped(&self) -> Option<Dropped> {
        *lock(&self.dropped)
    }

    /// What was dropped, for a call that makes up for it.
    pub(crate) fn take_dropped(&self) -> Option<Dropped> {
        lock(&self.dropped).take()
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
        deferred: Option<&'a Deferred>,
        dropped: Option<Dropped>,
    ) -> Result<Self> {
        let mut bytes = bytemuck::bytes_of(step).to_vec();
        bytes.resize(RULE_OFFSET as usize, 0);
        bytes.extend_from_slice(bytemuck::cast_slice(scalars));
        let scalars = bytes.len() as u64;
        let (mut before, mut after) = (Vec::new(), Vec::new());
        let history = deferred.map(|deferred| {
            if let Some(dropped) = dropped {
                before = push_changes(&mut bytes, &deferred.history, dropped.first);
            }
            let since = dropped.map_or(deferred.history.now() + 1, |dropped| dropped.first);
            let mut history = deferred.history.clone();
            let done = deferred.deliveries.done.load(Ordering::Relaxed);
            let adam = history_of(optimizer).expect("a deferred table has a history");
            history.advance(adam, done.min(since - 1));
            after = push_changes(&mut bytes, &history, since);
            history
        });
        let usage = wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC;
        let buffer = gpu.allocate_with("step", &bytes, usage)?;
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

/// What steps that were dropped should have brought, for calls that need it before the next step brings it.
pub(crate) struct Missing<'a> {
    buffer: wgpu::Buffer,
    copies: Vec<[u64; 3]>,
    target: &'a wgpu::Buffer,
}

impl<'a> Missing<'a> {
    /// `None` if nothing is missing.
    pub(crate) fn new(gpu: &Gpu, deferred: &'a Deferred) -> Result<Option<Self>> {
        let Some(dropped) = deferred.deliveries.dropped() else { return Ok(None) };
        deferred.check_dropped(dropped)?;
        let mut bytes = Vec::new();
        let copies = push_changes(&mut bytes, &deferred.history, dropped.first);
        let usage = wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC;
        Ok(Some(Self { buffer: gpu.allocate_with("history", &bytes, usage)?, copies, target: &deferred.buffer }))
    }

    pub(crate) fn record(&self, encoder: &mut wgpu::CommandEncoder) {
        copy(encoder, &self.buffer, self.target, &self.copies);
    }
}

/// Adds to `bytes` what has changed since a step, and gives the copies that bring it into the history.
fn push_changes(bytes: &mut Vec<u8>, history: &History, since: u64) -> Vec<[u64; 3]> {
    let ring = u64::from(history.ring());
    let first_step = u64::from(FIRST_POWER + POWERS) + ring / u64::from(POWERS) + 1;
    let mut copies = Vec::new();
    let mut push = |quad: u64, quads: &[Words]| {
        copies.push([bytes.len() as u64, quad * QUAD_BYTES, size_of_val(quads) as u64]);
        bytes.extend_from_slice(bytemuck::cast_slice(quads));
    };
    push(0, &[clock(history)]);
    let (first, changed) = history.changed(since);
    let quads: Vec<Words> = changed.flat_map(of_step).collect();
    // The ring's end may lie between them.
    let place = first % ring;
    let before_end = (((ring - place) * QUADS_PER_STEP) as usize).min(quads.len());
    for (place, quads) in [(place, &quads[..before_end]), (0, &quads[before_end..])] {
        if !quads.is_empty() {
            push(first_step + place * QUADS_PER_STEP, quads);
        }
    }
    copies
}
