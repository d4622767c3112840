//! The history of deferred Adam as the kernels read it (shaders/shared/missed_steps.wgsl), and what each step brings.

use super::device::Gpu;
use super::kernels::Words;
use super::kernels::adam::AdamStep;
use super::table::Deferred;
use crate::error::Result;
use crate::optimizer::{Adam, History, Rule, Scaled, Step};

/// Powers in a table; `POWERS` in missed_steps.wgsl.
pub(crate) const POWERS: u32 = 256;

/// The first of them; `FIRST_POWER` in missed_steps.wgsl.
pub(crate) const FIRST_POWER: u32 = 1;

/// Quads that a step has.
const QUADS_PER_STEP: u64 = 3;

const QUAD_BYTES: u64 = size_of::<Words>() as u64;

/// The whole buffer, of rows that are all up to date.
pub(crate) fn contents(history: &History, adam: &Adam) -> Vec<Words> {
    let [beta_1, beta_2] = adam.kernel_betas();
    let powers = |step: u32| {
        move |i: u32| {
            let power = |base: f64| (base.powi((i * step) as i32) as f32).to_bits();
            [power(beta_1), power(beta_2), power(history.root()), 0]
        }
    };
    let mut quads = vec![clock(history)];
    quads.extend((0..POWERS).map(powers(1)));
    quads.extend((0..=history.ring() / POWERS).map(powers(POWERS)));
    let first_step = quads.len();
    quads.resize(first_step + history.ring() as usize * QUADS_PER_STEP as usize, [0; 4]);
    let (first, changed) = history.changed();
    for (number, (step, rule)) in (first..).zip(changed) {
        let place = first_step + (number % u64::from(history.ring()) * QUADS_PER_STEP) as usize;
        quads[place..][..QUADS_PER_STEP as usize].copy_from_slice(&of_step(step, &rule));
    }
    quads
}

fn clock(history: &History) -> Words {
    let [mantissa, exponent] = scaled(history.decay());
    [history.now() as u32, mantissa, exponent, history.horizon()]
}

fn of_step(step: &Step, rule: &Rule) -> [Words; QUADS_PER_STEP as usize] {
    let bits = |value: f64| (value as f32).to_bits();
    let [mantissa, exponent] = scaled(step.decay);
    [
        [rule.p, rule.a, rule.b, rule.c].map(bits),
        [bits(rule.least_root), mantissa, exponent, 0],
        [bits(step.step_size), bits(step.epsilon), 0, 0],
    ]
}

/// Only differences of exponents count, so that they may wrap.
fn scaled(value: Scaled) -> [u32; 2] {
    [(value.mantissa as f32).to_bits(), value.exponent.wrapping_neg() as u32]
}

/// What one recorded step brings to the GPU, in a buffer of its own.
pub(crate) struct StepData<'a> {
    buffer: wgpu::Buffer,
    /// From, to and size of each copy into the history.
    copies: Vec<[u64; 3]>,
    target: Option<&'a wgpu::Buffer>,
    /// The history after the step.
    pub history: Option<History>,
}

impl<'a> StepData<'a> {
    pub(crate) fn new(gpu: &Gpu, adam: &Adam, scalars: &AdamStep, deferred: Option<&'a Deferred>) -> Result<Self> {
        let mut bytes = bytemuck::bytes_of(scalars).to_vec();
        let mut copies = Vec::new();
        let history = deferred.map(|deferred| {
            let mut history = deferred.history.clone();
            history.advance(adam);
            history
        });
        if let Some(history) = &history {
            let ring = u64::from(history.ring());
            let first_step = u64::from(FIRST_POWER + POWERS) + ring / u64::from(POWERS) + 1;
            let mut copy = |bytes: &mut Vec<u8>, quad: u64, quads: &[Words]| {
                copies.push([bytes.len() as u64, quad * QUAD_BYTES, size_of_val(quads) as u64]);
                bytes.extend_from_slice(bytemuck::cast_slice(quads));
            };
            copy(&mut bytes, 0, &[clock(history)]);
            let (first, changed) = history.changed();
            let quads: Vec<Words> = changed.flat_map(|(step, rule)| of_step(step, &rule)).collect();
            // The ring's end may lie between them.
            let place = first % ring;
            let before_end = (((ring - place) * QUADS_PER_STEP) as usize).min(quads.len());
            for (place, quads) in [(place, &quads[..before_end]), (0, &quads[before_end..])] {
                if !quads.is_empty() {
                    copy(&mut bytes, first_step + place * QUADS_PER_STEP, quads);
                }
            }
        }
        let usage = wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC;
        let buffer = gpu.allocate_with("step", &bytes, usage)?;
        Ok(Self { buffer, copies, target: deferred.map(|deferred| &deferred.buffer), history })
    }

    /// The scalars, before the step's kernels.
    pub(crate) fn copy_scalars(&self, encoder: &mut wgpu::CommandEncoder, target: &wgpu::Buffer) {
        encoder.copy_buffer_to_buffer(&self.buffer, 0, target, 0, size_of::<AdamStep>() as u64);
    }

    /// The history, after them: they catch rows up to the step before.
    pub(crate) fn copy_history(&self, encoder: &mut wgpu::CommandEncoder) {
        for &[from, to, size] in &self.copies {
            let target = self.target.expect("a history to copy into");
            encoder.copy_buffer_to_buffer(&self.buffer, from, target, to, size);
        }
    }
}
