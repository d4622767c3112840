//! Times one case: first it is checked against the reference, then its kernels are timed by the GPU's clock, and its recording
//! by the host's.

use std::time::Instant;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use wgpu_embedding::{
    BoundRegion, EmbeddingConfig, Error, GpuContext, GpuEmbedding, IndexBatch, Initializer, KernelTime, Optimizer,
    Storage, Update, reference, wgpu,
};

use super::cases::{Round, Setting};
use crate::cases;

/// Rounds that are timed, after as many that are not.
const ROUNDS: usize = 15;

/// Batches to take turns with.
const BATCHES: u64 = 4;

/// Rows that are held against the reference.
const CHECKED_ROWS: usize = 100;

/// The gradient repeats after so many floats.
const GRADIENT_PERIOD: usize = 1 << 20;

/// Medians, in seconds.
pub struct Measured {
    /// The GPU's time for a round.
    pub step: f64,
    /// The host's time to record one.
    pub host: f64,
    pub bytes: u64,
    /// Of each kernel, all its dispatches of a round together, in the order in which they first come.
    pub kernels: Vec<(&'static str, f64)>,
}

pub fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

pub fn measure(context: &GpuContext, setting: &Setting, has_clock: bool) -> Result<Measured, Error> {
    let mut case = Case::new(context, setting)?;
    case.check();
    for _ in 0..ROUNDS {
        case.record_and_submit()?;
    }
    cases::wait(context);
    let host = median((0..ROUNDS).map(|_| case.record_and_submit()).collect::<Result<_, _>>()?);
    cases::wait(context);
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(case.time_round(has_clock)?);
    }
    let step = median(rounds.iter().map(|(step, _)| *step).collect());
    let mut kernels: Vec<(&'static str, Vec<f64>)> = Vec::new();
    for (_, times) in &rounds {
        let mut of_round: Vec<(&'static str, f64)> = Vec::new();
        for time in times {
            let seconds = time.duration().as_secs_f64();
            match of_round.iter_mut().find(|(name, _)| *name == time.kernel) {
                Some((_, sum)) => *sum += seconds,
                None => of_round.push((time.kernel, seconds)),
            }
        }
        for (name, seconds) in of_round {
            match kernels.iter_mut().find(|(known, _)| *known == name) {
                Some((_, all)) => all.push(seconds),
                None => kernels.push((name, vec![seconds])),
            }
        }
    }
    let kernels = kernels.into_iter().map(|(name, seconds)| (name, median(seconds))).collect();
    Ok(Measured { step, host, bytes: setting.bytes(case.distinct), kernels })
}

struct Case<'a> {
    context: &'a GpuContext,
    setting: &'a Setting,
    tables: Vec<GpuEmbedding>,
    indices: Vec<u32>,
    batches: Vec<IndexBatch>,
    distinct: u64,
    period: Vec<f32>,
    output: BoundRegion,
    gradient: BoundRegion,
    round: usize,
}

impl<'a> Case<'a> {
    fn new(context: &'a GpuContext, setting: &'a Setting) -> Result<Self, Error> {
        let &Setting { input_dim, output_dim, lookups, skew, .. } = setting;
        let tables = (0..setting.tables).map(|seed| {
            let config = EmbeddingConfig::new(input_dim, output_dim)
                .with_initializer(Initializer::Constant(0.01))
                .with_storage(setting.storage)
                .with_seed(seed.into());
            GpuEmbedding::new(context, config, setting.optimizer)
        });
        let tables = tables.collect::<Result<Vec<_>, _>>()?;
        let drawn = cases::Setting { used_rows: input_dim, lookups: lookups as usize, skew, ..cases::BASE };
        let indices = cases::indices(&drawn, 0);
        let batches = (0..BATCHES).map(|seed| tables[0].batch(&cases::indices(&drawn, seed)));
        let batches = batches.collect::<Result<Vec<_>, _>>()?;
        let distinct = batches.iter().map(|batch| batch.unique_rows().map_or(0, <[u32]>::len) as u64).sum::<u64>();
        let mut generator = ChaCha8Rng::seed_from_u64(1);
        let period: Vec<f32> = (0..GRADIENT_PERIOD).map(|_| generator.random_range(-1.0..1.0)).collect();
        let bytes = u64::from(lookups) * u64::from(output_dim) * 4;
        let device = context.device().expect("a GPU");
        let most = device.limits().max_storage_buffer_binding_size.min(device.limits().max_buffer_size);
        if bytes > most {
            let (what, limit, remedy) = ("the output", "max_storage_buffer_binding_size", "a smaller case");
            return Err(Error::TooLarge { what, required: bytes, limit, available: most, remedy });
        }
        let buffer = || {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("gpu bench"),
                size: bytes,
                usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: false,
            })
        };
        let (output, gradient) = (buffer(), buffer());
        let queue = context.queue().expect("a GPU");
        for offset in (0..bytes).step_by(GRADIENT_PERIOD * 4) {
            let size = (bytes - offset).min(GRADIENT_PERIOD as u64 * 4) as usize;
            queue.write_buffer(&gradient, offset, &bytemuck::cast_slice(&period)[..size]);
        }
        let distinct = distinct / BATCHES;
        let [output, gradient] = [output, gradient].map(|buffer| BoundRegion::new(&buffer));
        Ok(Self { context, setting, tables, indices, batches, distinct, period, output, gradient, round: 0 })
    }

    fn record(&mut self, encoder: &mut wgpu::CommandEncoder) -> Result<(), Error> {
        let batch = &self.batches[self.round % self.batches.len()];
        self.round += 1;
        for table in &mut self.tables {
            table.record_lookup(encoder, batch, &self.output)?;
            if self.setting.round == Round::Step {
                table.record_update(encoder, batch, &self.gradient)?;
            }
        }
        Ok(())
    }

    /// Gives the host's seconds to record, without the submission's.
    fn record_and_submit(&mut self) -> Result<f64, Error> {
        let mut encoder = self.context.device().expect("a GPU").create_command_encoder(&Default::default());
        let start = Instant::now();
        self.record(&mut encoder)?;
        let seconds = start.elapsed().as_secs_f64();
        self.context.submit(encoder)?;
        Ok(seconds)
    }

    /// The GPU's seconds for a round, and its kernels; without timestamps the host's, from the submission to the end.
    fn time_round(&mut self, has_clock: bool) -> Result<(f64, Vec<KernelTime>), Error> {
        if has_clock {
            self.context.start_kernel_times()?;
            self.record_and_submit()?;
            let times = self.context.take_kernel_times()?;
            let end = times.iter().map(|time| time.end).max().unwrap_or_default();
            return Ok((end.as_secs_f64(), times));
        }
        const TOGETHER: u32 = 4;
        cases::wait(self.context);
        let start = Instant::now();
        for _ in 0..TOGETHER {
            self.record_and_submit()?;
        }
        cases::wait(self.context);
        Ok((start.elapsed().as_secs_f64() / f64::from(TOGETHER), Vec::new()))
    }

    /// Holds a lookup, and the first step of some rows of the first batch, against the reference.
    fn check(&mut self) {
        let width = self.setting.output_dim as usize;
        let mut rows: Vec<u32> = self.indices.clone();
        rows.sort_unstable();
        rows.dedup();
        rows.truncate(CHECKED_ROWS);
        let table = &mut self.tables[0];
        let before = table.rows(&rows).expect("rows");
        // In bf16 a unit in the last place is at most 2^-7 of a weight.
        let of_weight = if self.setting.storage == Storage::F32 { 0.0 } else { 1.0 / 128.0 };
        let tolerance = |expected: f32| 1e-5 + of_weight * expected.abs();
        assert!(before.iter().all(|w| (w - 0.01).abs() < tolerance(0.01)), "the first weights are wrong");
        if self.setting.round == Round::Lookup {
            return;
        }
        let place = |row: &u32| rows.binary_search(row).ok();
        let (mut lookups, mut gradient) = (Vec::new(), Vec::new());
        for (position, row) in self.indices.iter().enumerate().filter(|(_, row)| place(row).is_some()) {
            lookups.push(place(row).expect("filtered") as u32);
            gradient.extend((0..width).map(|column| self.period[(position * width + column) % GRADIENT_PERIOD]));
        }
        let sums = reference::scatter_add(&gradient, width, &lookups, |_| true);
        let config = EmbeddingConfig::new(rows.len() as u32, width as u32)
            .with_initializer(Initializer::Matrix(before))
            .with_storage(self.setting.storage);
        // After one step the updates are the same, but for rows outside the batch, which these are not.
        let lazy: Optimizer = self.setting.optimizer.with_update(Update::Lazy);
        let mut twin = GpuEmbedding::new(&GpuContext::reference(), config, lazy).expect("a table");
        twin.update(&twin.batch(&sums.rows).expect("rows"), &sums.sums[..]).expect("an update");
        table.update(&self.batches[0], self.gradient.region().buffer()).expect("an update");
        let (got, expected) = (table.rows(&rows).expect("rows"), twin.weights().expect("weights"));
        for (got, expected) in got.iter().zip(&expected) {
            assert!((got - expected).abs() <= tolerance(*expected), "the step is wrong: {got}, expected {expected}");
        }
    }
}
