//! The cases: what is done, on what data, and how many bytes it must move.

use std::time::{Duration, Instant};

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Zipf};
use wgpu_embedding::{
    Adam, BoundRegion, BufferRegion, EmbeddingConfig, GpuContext, GpuEmbedding, IndexBatch, Optimizer, Storage,
    Update, reference, wgpu,
};

use crate::copy::Copy;

/// Something that is timed.
pub trait Case {
    fn name(&self) -> String;
    /// Where it runs: `gpu` or `reference`.
    fn side(&self) -> &'static str;
    /// Bytes that one of it must move.
    fn bytes(&self) -> u64;
    /// How long `count` of it take.
    fn time(&mut self, count: u64) -> Duration;
}

/// What one round of a case does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operation {
    Gather,
    /// The scatter-add by itself, handed to the caller as row sums.
    ScatterAdd,
    /// The scatter-add and Adam.
    Update(Update),
    /// A lookup and an update.
    Step(Update),
    /// The same as separate calls: a lookup, the sums of the rows handed out, and an update by the rows' sums.
    SeparateStep(Update),
}

/// How the indices are spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Skew {
    Uniform,
    Zipf,
    OneRow,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    pub operation: Operation,
    pub input_dim: u32,
    /// The rows that are looked up, from the first.
    pub used_rows: u32,
    /// Batches to take turns with.
    pub batches: u64,
    /// Indices that another kernel left on the GPU.
    pub resident: bool,
    pub output_dim: u32,
    pub lookups: usize,
    pub skew: Skew,
    /// How the weights are kept.
    pub storage: Storage,
}

/// Enough that no cache holds one batch's rows.
pub const FEW_BATCHES: u64 = 4;

/// Rounds in one submission.
const ROUNDS_PER_SUBMISSION: u64 = 4;

/// A setting to start from.
pub const BASE: Setting = Setting {
    operation: Operation::Gather,
    input_dim: 400_000,
    used_rows: 400_000,
    batches: FEW_BATCHES,
    resident: false,
    output_dim: 64,
    lookups: 65_536,
    skew: Skew::Uniform,
    storage: Storage::F32,
};

pub fn indices(setting: &Setting, seed: u64) -> Vec<u32> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let rows = setting.used_rows;
    let zipf = Zipf::new(rows as f32, 1.05).expect("rows");
    // Scatters Zipf's first ranks over the table, as a hashed vocabulary is.
    let scatter = |rank: u32| (u64::from(rank) * 2_654_435_761 % u64::from(rows)) as u32;
    (0..setting.lookups)
        .map(|_| match setting.skew {
            Skew::Uniform => generator.random_range(0..rows),
            Skew::Zipf => scatter((zipf.sample(&mut generator) as u32 - 1).min(rows - 1)),
            Skew::OneRow => rows / 2,
        })
        .collect()
}

/// A table with batches, output and gradient, driven as a caller would.
pub struct TableCase {
    setting: Setting,
    context: GpuContext,
    embedding: GpuEmbedding,
    batches: Vec<IndexBatch>,
    /// The batches' distinct rows, each once, for the separate calls.
    row_batches: Vec<IndexBatch>,
    /// Distinct rows in a batch, on average.
    distinct_rows: u64,
    gradient: Vec<f32>,
    buffers: Option<Buffers>,
    keeps_groups: bool,
    round: usize,
}

struct Buffers {
    output: BoundRegion,
    gradient: BoundRegion,
    sums: BoundRegion,
}

impl TableCase {
    pub fn new(context: &GpuContext, setting: Setting) -> Self {
        let update = match setting.operation {
            Operation::Update(update) | Operation::Step(update) | Operation::SeparateStep(update) => update,
            Operation::Gather | Operation::ScatterAdd => Update::Lazy,
        };
        let trains = !matches!(setting.operation, Operation::Gather | Operation::ScatterAdd);
        let config = EmbeddingConfig::new(setting.input_dim, setting.output_dim)
            .with_trainable(trains)
            .with_storage(setting.storage);
        let embedding = GpuEmbedding::new(context, config, Adam::default().with_update(update)).expect("a table");
        let mut batches: Vec<_> = (0..setting.batches)
            .map(|seed| embedding.batch(&indices(&setting, seed)).expect("indices of the table"))
            .collect();
        let rows = |batch: &IndexBatch| batch.unique_rows().expect("host indices").to_vec();
        let distinct: usize = batches.iter().map(|batch| rows(batch).len()).sum();
        let mut row_batches = Vec::new();
        if matches!(setting.operation, Operation::SeparateStep(_)) {
            row_batches.extend(batches.iter().map(|batch| embedding.batch(&rows(batch)).expect("rows of the table")));
        }
        if setting.resident {
            let device = context.device().expect("a GPU");
            for (seed, batch) in (0..).zip(&mut batches) {
                let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
                let size = setting.lookups as u64 * 4;
                let buffer = device.create_buffer(&wgpu::BufferDescriptor {
                    label: None,
                    size,
                    usage,
                    mapped_at_creation: false,
                });
                let queue = context.queue().expect("a GPU");
                queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&indices(&setting, seed)));
                *batch = embedding.batch_from_buffer(&buffer, &[setting.lookups]).expect("a batch");
            }
        }
        let floats = setting.lookups * setting.output_dim as usize;
        let mut generator = ChaCha8Rng::seed_from_u64(99);
        let gradient: Vec<f32> = (0..floats).map(|_| generator.random_range(-1.0..1.0)).collect();
        let buffers = context.device().map(|device| {
            let buffer = || {
                BoundRegion::new(&device.create_buffer(&wgpu::BufferDescriptor {
                    label: None,
                    size: floats as u64 * 4,
                    usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
                    mapped_at_creation: false,
                }))
            };
            let buffers = Buffers { output: buffer(), gradient: buffer(), sums: buffer() };
            let region = buffers.gradient.region();
            context.queue().expect("a GPU").write_buffer(region.buffer(), 0, bytemuck::cast_slice(&gradient));
            buffers
        });
        let mut case = Self {
            setting,
            context: context.clone(),
            embedding,
            batches,
            row_batches,
            distinct_rows: distinct as u64 / setting.batches,
            gradient,
            buffers,
            keeps_groups: true,
            round: 0,
        };
        case.check();
        case.time(setting.batches);
        case
    }

    /// Holds one lookup, one scatter-add and, where the case updates, one step of Adam against the reference, before
    /// anything is timed.
    fn check(&mut self) {
        let width = self.setting.output_dim as usize;
        let indices = indices(&self.setting, 0);
        let sample: Vec<u32> = indices.iter().copied().take(1_000).collect();
        let rows = self.embedding.rows(&sample).expect("rows");
        let looked_up = self.embedding.lookup(&self.batches[0]).and_then(|output| output.read()).expect("a lookup");
        assert_eq!(looked_up[..rows.len()], rows, "the lookup is wrong");
        let sums = self.embedding.row_gradient(&self.batches[0], &self.gradient).expect("a gradient");
        let expected = reference::scatter_add(&self.gradient, width, &indices, |_| true);
        assert_eq!(sums.rows, expected.rows, "the scatter-add's rows are wrong");
        for (got, expected) in sums.sums.read().expect("sums").iter().zip(&expected.sums) {
            assert!((got - expected).abs() <= 1e-3 * (1.0 + expected.abs()), "the scatter-add is wrong");
        }
        if self.embedding.trainable() {
            self.check_update(&expected);
        }
    }

    /// The first step, on some rows of the first batch: there dense and lazy updates are the same.
    fn check_update(&mut self, sums: &reference::RowSums) {
        let width = self.setting.output_dim as usize;
        let count = sums.rows.len().min(1_000);
        let rows = &sums.rows[..count];
        let weights = self.embedding.rows(rows).expect("rows");
        let zeros = vec![0.0; weights.len()];
        let (first_moment, second_moment) = (zeros.clone(), zeros);
        let mut state = reference::AdamState { weights, first_moment, second_moment, largest_moment: Vec::new() };
        let sums =
            reference::RowSums { rows: (0..count as u32).collect(), sums: sums.sums[..count * width].to_vec() };
        let Optimizer::Adam(adam) = self.embedding.optimizer() else { panic!("the table is made with Adam") };
        reference::adam_lazy(&mut state, width, &sums, adam, 1);
        self.embedding.update(&self.batches[0], &self.gradient).expect("an update");
        for (got, expected) in self.embedding.rows(rows).expect("rows").iter().zip(&state.weights) {
            // A hundredth of the step, which is 0.001 long: the tests hold it tightly, this sees a wrong rule. Weights in half
            // precision are of at most 0.06, and a unit in their last place is 2^-12.
            let bound = if self.setting.storage == Storage::F32 { 1e-5 } else { 2.5e-4 };
            assert!((got - expected).abs() <= bound, "the update is wrong: {got}, expected {expected}");
        }
    }

    /// The host's own time to record a round, of so many on one encoder, which is then submitted; with the bind groups of
    /// the caller's buffers kept, or made by each call.
    pub fn time_to_record(&mut self, rounds: u32, keeps_groups: bool) -> Duration {
        self.keeps_groups = keeps_groups;
        let mut encoder = self.context.device().expect("a GPU").create_command_encoder(&Default::default());
        let start = Instant::now();
        (0..rounds).for_each(|_| self.record(&mut encoder));
        let time = start.elapsed() / rounds;
        self.context.submit(encoder).expect("a submission");
        wait(&self.context);
        time
    }

    /// The host's time to check, sort and upload one batch.
    pub fn time_to_make_a_batch(&self, seed: u64) -> Duration {
        let indices = indices(&self.setting, seed);
        let start = Instant::now();
        let batch = self.embedding.batch(&indices).expect("indices of the table");
        let time = start.elapsed();
        drop(batch);
        // As between two steps: the upload's staging memory is free again.
        self.context
            .submit(self.context.device().expect("a GPU").create_command_encoder(&Default::default()))
            .expect("a submission");
        wait(&self.context);
        time
    }

    fn record(&mut self, encoder: &mut wgpu::CommandEncoder) {
        let Buffers { output, gradient, sums } = self.buffers.as_ref().expect("a GPU");
        let given = if self.keeps_groups { BufferRegion::from } else { BoundRegion::region };
        let [output, gradient, sums] = [output, gradient, sums].map(given);
        let round = self.round;
        let batch = &self.batches[round % self.batches.len()];
        self.round += 1;
        let result = match self.setting.operation {
            Operation::Gather => self.embedding.record_lookup(encoder, batch, output),
            Operation::ScatterAdd => self.embedding.record_row_gradient(encoder, batch, gradient, sums),
            Operation::Update(_) => self.embedding.record_update(encoder, batch, gradient),
            Operation::Step(_) => self
                .embedding
                .record_lookup(encoder, batch, output)
                .and_then(|()| self.embedding.record_update(encoder, batch, gradient)),
            Operation::SeparateStep(_) => self
                .embedding
                .record_lookup(encoder, batch, output)
                .and_then(|()| self.embedding.record_row_gradient(encoder, batch, gradient, sums))
                .and_then(|()| {
                    let rows = &self.row_batches[round % self.batches.len()];
                    self.embedding.record_update(encoder, rows, sums)
                }),
        };
        result.expect("a recording");
    }

    fn run_on_the_reference(&mut self) {
        let batch = &self.batches[self.round % self.batches.len()];
        self.round += 1;
        let operation = self.setting.operation;
        if matches!(operation, Operation::Gather | Operation::Step(_) | Operation::SeparateStep(_)) {
            std::hint::black_box(self.embedding.lookup(batch).expect("a lookup"));
        }
        match operation {
            Operation::Gather => {}
            Operation::ScatterAdd => {
                std::hint::black_box(self.embedding.row_gradient(batch, &self.gradient).expect("a gradient"));
            }
            Operation::Update(_) | Operation::Step(_) | Operation::SeparateStep(_) => {
                self.embedding.update(batch, &self.gradient).expect("an update");
            }
        }
    }
}

impl Case for TableCase {
    fn name(&self) -> String {
        let Setting { operation, input_dim, used_rows, batches, resident, output_dim, lookups, skew, storage } =
            self.setting;
        let of = |update| match update {
            Update::Lazy => "lazy",
            Update::Deferred => "deferred",
            _ => "dense",
        };
        let operation = match operation {
            Operation::Gather => "gather".to_owned(),
            Operation::ScatterAdd => "scatter_add".to_owned(),
            Operation::Update(update) => format!("update_{}", of(update)),
            Operation::Step(update) => format!("step_{}", of(update)),
            Operation::SeparateStep(update) => format!("separate_step_{}", of(update)),
        };
        let skew = match skew {
            Skew::Uniform => "uniform",
            Skew::Zipf => "zipf",
            Skew::OneRow => "one_row",
        };
        let used = if used_rows == input_dim { String::new() } else { format!("_of_{used_rows}") };
        let stale = if batches == FEW_BATCHES { String::new() } else { format!("_stale_{batches}") };
        let resident = if resident { "_resident" } else { "" };
        let storage = if storage == Storage::F32 { String::new() } else { format!("_{}", storage.name()) };
        format!("{operation}/V{input_dim}{used}_D{output_dim}_n{lookups}_{skew}{stale}{resident}{storage}")
    }

    fn side(&self) -> &'static str {
        if self.buffers.is_some() { "gpu" } else { "reference" }
    }

    fn bytes(&self) -> u64 {
        let (lookups, distinct) = (self.setting.lookups as u64, self.distinct_rows);
        let row = u64::from(self.setting.output_dim) * 4;
        let weights = u64::from(self.setting.output_dim) * u64::from(self.setting.storage.bytes());
        // Each distinct row is read once at least.
        let gather = lookups * (4 + row) + distinct * weights;
        // Order and gradient in, sums out.
        let scatter_add = lookups * (8 + row) + distinct * row;
        // w, m and v in and out, of the rows that the update touches.
        let adam = |update| {
            (2 * weights + 4 * row) * if update == Update::Dense { self.setting.input_dim.into() } else { distinct }
        };
        // Fused, the sums need not be moved.
        let update = |update| lookups * (8 + row) + adam(update);
        match self.setting.operation {
            Operation::Gather => gather,
            Operation::ScatterAdd => scatter_add,
            Operation::Update(kind) => update(kind),
            Operation::Step(kind) | Operation::SeparateStep(kind) => gather + update(kind),
        }
    }

    fn time(&mut self, count: u64) -> Duration {
        let start = Instant::now();
        if self.buffers.is_none() {
            (0..count).for_each(|_| self.run_on_the_reference());
            return start.elapsed();
        }
        let mut left = count;
        while left > 0 {
            let rounds = left.min(ROUNDS_PER_SUBMISSION);
            let device = self.context.device().expect("a GPU");
            let mut encoder = device.create_command_encoder(&Default::default());
            (0..rounds).for_each(|_| self.record(&mut encoder));
            self.context.queue().expect("a GPU").submit([encoder.finish()]);
            left -= rounds;
        }
        wait(&self.context);
        start.elapsed()
    }
}

/// Until the GPU has done all that was submitted.
pub fn wait(context: &GpuContext) {
    context.device().expect("a GPU").poll(wgpu::PollType::wait_indefinitely()).expect("the device answers");
}

/// Criterion's cases: each operation on the GPU, where there is one, and on the reference.
pub fn all(context: &GpuContext) -> impl Iterator<Item = Box<dyn Case>> {
    let uniform =
        |operation, input_dim, lookups| Setting { operation, input_dim, used_rows: input_dim, lookups, ..BASE };
    let update = uniform(Operation::Update(Update::Deferred), 400_000, 8_192);
    let settings = [
        uniform(Operation::Gather, 400_000, 65_536),
        Setting { skew: Skew::Zipf, ..uniform(Operation::Gather, 400_000, 65_536) },
        Setting { storage: Storage::Bf16, ..uniform(Operation::Gather, 400_000, 65_536) },
        uniform(Operation::ScatterAdd, 400_000, 65_536),
        Setting { skew: Skew::Zipf, ..uniform(Operation::ScatterAdd, 400_000, 65_536) },
        Setting { skew: Skew::OneRow, ..uniform(Operation::ScatterAdd, 400_000, 65_536) },
        update,
        Setting { skew: Skew::Zipf, ..update },
        Setting { skew: Skew::OneRow, ..update },
        Setting { storage: Storage::Bf16, ..update },
        uniform(Operation::Update(Update::Lazy), 400_000, 8_192),
        uniform(Operation::Update(Update::Dense), 100_000, 8_192),
        uniform(Operation::Step(Update::Deferred), 10_000, 8_192),
        uniform(Operation::Step(Update::Deferred), 400_000, 8_192),
        uniform(Operation::Step(Update::Lazy), 400_000, 8_192),
        uniform(Operation::Step(Update::Dense), 10_000, 8_192),
    ];
    let gpu = context.device().map(|_| context.clone());
    let copies = [1, 16].into_iter().filter_map(|quads| Some(Box::new(Copy::new(context, quads)?) as Box<dyn Case>));
    let copies: Vec<_> = copies.collect();
    let sides: Vec<GpuContext> = gpu.into_iter().chain([GpuContext::reference()]).collect();
    // Made one after the other, for each holds a table.
    copies.into_iter().chain(settings.into_iter().flat_map(move |setting| {
        sides.clone().into_iter().map(move |side| Box::new(TableCase::new(&side, setting)) as Box<dyn Case>)
    }))
}
