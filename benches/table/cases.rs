//! The cases: what is done, on what data, and how many bytes it must move.

use std::time::{Duration, Instant};

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Zipf};
use wgpu_embedding::{Adam, EmbeddingConfig, GpuContext, GpuEmbedding, IndexBatch, Update, reference, wgpu};

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
}

/// How the indices are spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Skew {
    Uniform,
    Zipf,
    OneRow,
}

#[derive(Debug, Clone, Copy)]
pub struct Setting {
    pub operation: Operation,
    pub input_dim: u32,
    pub output_dim: u32,
    pub lookups: usize,
    pub skew: Skew,
}

/// Batches to take turns with, so that no cache holds one batch's rows.
const BATCHES: usize = 4;

/// Rounds in one submission.
const ROUNDS_PER_SUBMISSION: u64 = 4;

pub fn indices(setting: &Setting, seed: u64) -> Vec<u32> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let rows = setting.input_dim;
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
    /// Distinct rows in a batch, on average.
    distinct_rows: u64,
    gradient: Vec<f32>,
    buffers: Option<Buffers>,
    round: usize,
}

struct Buffers {
    output: wgpu::Buffer,
    gradient: wgpu::Buffer,
    sums: wgpu::Buffer,
}

impl TableCase {
    pub fn new(context: &GpuContext, setting: Setting) -> Self {
        let update = match setting.operation {
            Operation::Update(update) | Operation::Step(update) => update,
            Operation::Gather | Operation::ScatterAdd => Update::Lazy,
        };
        let trains = matches!(setting.operation, Operation::Update(_) | Operation::Step(_));
        let config = EmbeddingConfig::new(setting.input_dim, setting.output_dim).with_trainable(trains);
        let embedding = GpuEmbedding::new(context, config, Adam::default().with_update(update)).expect("a table");
        let batches: Vec<_> = (0..BATCHES as u64)
            .map(|seed| embedding.batch(&indices(&setting, seed)).expect("indices of the table"))
            .collect();
        let distinct: usize = batches.iter().map(|batch| batch.unique_rows().expect("host indices").len()).sum();
        let floats = setting.lookups * setting.output_dim as usize;
        let mut generator = ChaCha8Rng::seed_from_u64(99);
        let gradient: Vec<f32> = (0..floats).map(|_| generator.random_range(-1.0..1.0)).collect();
        let buffers = context.device().map(|device| {
            let buffer = || {
                device.create_buffer(&wgpu::BufferDescriptor {
                    label: None,
                    size: floats as u64 * 4,
                    usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
                    mapped_at_creation: false,
                })
            };
            let buffers = Buffers { output: buffer(), gradient: buffer(), sums: buffer() };
            context.queue().expect("a GPU").write_buffer(&buffers.gradient, 0, bytemuck::cast_slice(&gradient));
            buffers
        });
        let mut case = Self {
            setting,
            context: context.clone(),
            embedding,
            batches,
            distinct_rows: (distinct / BATCHES) as u64,
            gradient,
            buffers,
            round: 0,
        };
        case.check();
        case.time(BATCHES as u64);
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
        reference::adam_lazy(&mut state, width, &sums, self.embedding.optimizer(), 1);
        self.embedding.update(&self.batches[0], &self.gradient).expect("an update");
        for (got, expected) in self.embedding.rows(rows).expect("rows").iter().zip(&state.weights) {
            // A hundredth of the step, which is 0.001 long: the tests hold it tightly, this sees a wrong rule.
            assert!((got - expected).abs() <= 1e-5, "the update is wrong: {got}, expected {expected}");
        }
    }

    fn record(&mut self, encoder: &mut wgpu::CommandEncoder) {
        let Buffers { output, gradient, sums } = self.buffers.as_ref().expect("a GPU");
        let batch = &self.batches[self.round % BATCHES];
        self.round += 1;
        let result = match self.setting.operation {
            Operation::Gather => self.embedding.record_lookup(encoder, batch, output),
            Operation::ScatterAdd => self.embedding.record_row_gradient(encoder, batch, gradient, sums),
            Operation::Update(_) => self.embedding.record_update(encoder, batch, gradient),
            Operation::Step(_) => self
                .embedding
                .record_lookup(encoder, batch, output)
                .and_then(|()| self.embedding.record_update(encoder, batch, gradient)),
        };
        result.expect("a recording");
    }

    fn run_on_the_reference(&mut self) {
        let batch = &self.batches[self.round % BATCHES];
        self.round += 1;
        let operation = self.setting.operation;
        if matches!(operation, Operation::Gather | Operation::Step(_)) {
            std::hint::black_box(self.embedding.lookup(batch).expect("a lookup"));
        }
        match operation {
            Operation::Gather => {}
            Operation::ScatterAdd => {
                std::hint::black_box(self.embedding.row_gradient(batch, &self.gradient).expect("a gradient"));
            }
            Operation::Update(_) | Operation::Step(_) => {
                self.embedding.update(batch, &self.gradient).expect("an update");
            }
        }
    }
}

impl Case for TableCase {
    fn name(&self) -> String {
        let Setting { operation, input_dim, output_dim, lookups, skew } = self.setting;
        let operation = match operation {
            Operation::Gather => "gather",
            Operation::ScatterAdd => "scatter_add",
            Operation::Update(Update::Lazy) => "update_lazy",
            Operation::Update(_) => "update_dense",
            Operation::Step(Update::Lazy) => "step_lazy",
            Operation::Step(_) => "step_dense",
        };
        let skew = match skew {
            Skew::Uniform => "uniform",
            Skew::Zipf => "zipf",
            Skew::OneRow => "one_row",
        };
        format!("{operation}/V{input_dim}_D{output_dim}_n{lookups}_{skew}")
    }

    fn side(&self) -> &'static str {
        if self.buffers.is_some() { "gpu" } else { "reference" }
    }

    fn bytes(&self) -> u64 {
        let (lookups, distinct) = (self.setting.lookups as u64, self.distinct_rows);
        let row = u64::from(self.setting.output_dim) * 4;
        // Each distinct row is read once at least.
        let gather = lookups * (4 + row) + distinct * row;
        // Order and gradient in, sums out.
        let scatter_add = lookups * (8 + row) + distinct * row;
        // w, m and v in and out, of the rows that the update touches.
        let adam = |update| 6 * row * if update == Update::Lazy { distinct } else { self.setting.input_dim.into() };
        // Fused, the sums need not be moved.
        let update = |update| lookups * (8 + row) + adam(update);
        match self.setting.operation {
            Operation::Gather => gather,
            Operation::ScatterAdd => scatter_add,
            Operation::Update(kind) => update(kind),
            Operation::Step(kind) => gather + update(kind),
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
    let uniform = |operation, input_dim, lookups| Setting {
        operation,
        input_dim,
        output_dim: 64,
        lookups,
        skew: Skew::Uniform,
    };
    let lazy = uniform(Operation::Update(Update::Lazy), 400_000, 8_192);
    let settings = [
        uniform(Operation::Gather, 400_000, 65_536),
        Setting { skew: Skew::Zipf, ..uniform(Operation::Gather, 400_000, 65_536) },
        uniform(Operation::ScatterAdd, 400_000, 65_536),
        Setting { skew: Skew::Zipf, ..uniform(Operation::ScatterAdd, 400_000, 65_536) },
        Setting { skew: Skew::OneRow, ..uniform(Operation::ScatterAdd, 400_000, 65_536) },
        lazy,
        Setting { skew: Skew::Zipf, ..lazy },
        Setting { skew: Skew::OneRow, ..lazy },
        uniform(Operation::Update(Update::Dense), 100_000, 8_192),
        uniform(Operation::Step(Update::Lazy), 10_000, 8_192),
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
