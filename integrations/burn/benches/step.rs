//! A whole training step, by Burn's own Embedding and Adam and by a SparseEmbedding, on one adapter: `cargo bench -p
//! burn-wgpu-embedding`, or with `-- 10000` for tables of so many rows alone.
//!
//! Step: 8,192 uniform indices from the host, lookup, the sum of squares, backward, update, and a wait for the GPU. The kinds
//! take turns, so that what else the machine does is shared; the medians count. Before anything is timed, all are held
//! against each other. Memory is counted in a process for each, by wgpu's own report of what is allocated.

use std::process::{Command, ExitCode};
use std::time::Instant;

use burn::module::Param;
use burn::nn::{Embedding, EmbeddingConfig as BurnEmbeddingConfig};
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::prelude::*;
use burn_wgpu_embedding::wgpu_embedding::{Adam, EmbeddingConfig, Initializer};
use burn_wgpu_embedding::{SharedDevice, SparseEmbedding};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

const ROWS: [usize; 4] = [10_000, 100_000, 400_000, 1_000_000];
const WIDTH: usize = 64;
const BATCH: [usize; 2] = [256, 32];
const LEARNING_RATE: f64 = 0.001;
/// By then nearly all rows have been met, and their memory touched for the first time, which costs a page fault on a software
/// adapter.
const WARM_UP: u64 = 60;
const ROUNDS: u64 = 15;

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Burn's Embedding and Adam.
    Burn,
    /// Indices as a tensor of Burn's, sorted on the GPU.
    Tensor,
    /// Indices as a batch, sorted on the host, within the step.
    Batch,
    /// As `Batch`, of the same 10,000 rows, spread over the table: as many distinct ones however large it is.
    SameRows,
}

const KINDS: [Kind; 4] = [Kind::Burn, Kind::Tensor, Kind::Batch, Kind::SameRows];

/// One kind, with its table.
enum Trainer {
    Burn { model: Option<Embedding>, optimizer: ModuleOptimizer },
    Sparse { embedding: SparseEmbedding, from_the_host: bool },
}

impl Trainer {
    fn new(shared: &SharedDevice, kind: Kind, initial: Vec<f32>) -> Result<Self> {
        let rows = initial.len() / WIDTH;
        if kind == Kind::Burn {
            let device = shared.device().clone().autodiff();
            let mut model = BurnEmbeddingConfig::new(rows, WIDTH).init(&device);
            let weight = Tensor::from_data(TensorData::new(initial, [rows, WIDTH]), &device);
            model.weight = Param::from_tensor(weight);
            return Ok(Self::Burn { model: Some(model), optimizer: AdamConfig::new().init() });
        }
        let config = EmbeddingConfig::new(rows as u32, WIDTH as u32).with_initializer(Initializer::Matrix(initial));
        let betas = [0.9_f32, 0.999, 1e-5].map(f64::from);
        let adam = Adam::pytorch().with_betas(betas[0], betas[1]).with_epsilon(betas[2]);
        let embedding = SparseEmbedding::new(shared, config, adam.with_learning_rate(LEARNING_RATE))?;
        Ok(Self::Sparse { embedding, from_the_host: kind != Kind::Tensor })
    }

    fn step(&mut self, shared: &SharedDevice, indices: Vec<i32>) -> Result<()> {
        let device = shared.device().clone().autodiff();
        let tensor = |indices| Tensor::<2, Int>::from_data(TensorData::new(indices, BATCH), &device);
        match self {
            Self::Burn { model, optimizer } => {
                let trained = model.take().ok_or("a step failed before")?;
                let output = trained.forward(tensor(indices));
                let gradients = GradientsParams::from_grads(output.powi_scalar(2).sum().backward(), &trained);
                *model = Some(optimizer.step(LEARNING_RATE, trained, gradients));
            }
            Self::Sparse { embedding, from_the_host } => {
                let output: Tensor<3> = if *from_the_host {
                    let batch = embedding.with_table(|table| table.batch(&(indices, BATCH)))?;
                    embedding.lookup_batch(batch)?
                } else {
                    embedding.forward(tensor(indices))?
                };
                embedding.update(&mut output.powi_scalar(2).sum().backward())?;
            }
        }
        shared.device().sync()?;
        Ok(())
    }

    fn first_row(&self) -> Result<Vec<f32>> {
        Ok(match self {
            Self::Burn { model, .. } => {
                let weight = model.as_ref().ok_or("a step failed before")?.weight.val();
                weight.slice([0..1, 0..WIDTH]).try_into_vec_as()?
            }
            Self::Sparse { embedding, .. } => embedding.with_table(|table| table.rows(&[0]))?,
        })
    }

    fn weights(&self) -> Result<Vec<f32>> {
        Ok(match self {
            Self::Burn { model, .. } => {
                model.as_ref().ok_or("a step failed before")?.weight.val().try_into_vec_as()?
            }
            Self::Sparse { embedding, .. } => embedding.with_table(|table| table.weights())?,
        })
    }
}

fn initial(rows: usize) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    (0..rows * WIDTH).map(|_| random.random_range(-0.05..0.05)).collect()
}

fn indices(kind: Kind, rows: usize, step: u64) -> Vec<i32> {
    let mut random = ChaCha8Rng::seed_from_u64(step + 2);
    let drawn = if kind == Kind::SameRows { ROWS[0].min(rows) } else { rows };
    let spread = rows / drawn;
    (0..BATCH[0] * BATCH[1]).map(|_| (random.random_range(0..drawn) * spread) as i32).collect()
}

/// Holds the kinds against each other over a few steps.
fn check(shared: &SharedDevice) -> Result<()> {
    let rows = ROWS[0];
    let mut weights = Vec::new();
    for kind in KINDS {
        let mut trainer = Trainer::new(shared, kind, initial(rows))?;
        for step in 0..10 {
            trainer.step(shared, indices(kind, rows, step))?;
        }
        weights.push(trainer.weights()?);
    }
    // SameRows is Batch here. NaN is close to nothing.
    let is_close = |other: &Vec<f32>| weights[0].iter().zip(other).all(|(one, other)| (one - other).abs() <= 1e-5);
    if !weights[1..].iter().all(is_close) {
        return Err("the kinds do not agree".into());
    }
    Ok(())
}

/// Median milliseconds of a step of each kind; `None` of one that failed.
fn time(shared: &SharedDevice, rows: usize) -> Result<[Option<f64>; 4]> {
    let mut trainers = Vec::new();
    for kind in KINDS {
        trainers.push(Trainer::new(shared, kind, initial(rows))?);
    }
    let mut times = [const { Vec::new() }; 4];
    for step in 0..WARM_UP + ROUNDS {
        for ((trainer, times), kind) in trainers.iter_mut().zip(&mut times).zip(KINDS) {
            let indices = indices(kind, rows, step);
            let start = Instant::now();
            trainer.step(shared, indices)?;
            if step >= WARM_UP {
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    let mut medians = [None; 4];
    for ((median, mut times), trainer) in medians.iter_mut().zip(times).zip(&trainers) {
        times.sort_by(f64::total_cmp);
        // Burn tells that its kernels failed when a tensor is read.
        *median = trainer.first_row().is_ok().then(|| times[times.len() / 2]);
    }
    Ok(medians)
}

/// Prints the most bytes that were allocated after any step.
fn memory(kind: Kind, rows: usize) -> Result<()> {
    let shared = SharedDevice::new()?;
    let device = shared.context().device().ok_or("no device")?;
    let mut trainer = Trainer::new(&shared, kind, initial(rows))?;
    let mut most = 0;
    for step in 0..5 {
        trainer.step(&shared, indices(kind, rows, step))?;
        let report = device.generate_allocator_report().ok_or("this backend does not report what is allocated")?;
        most = most.max(report.total_allocated_bytes);
    }
    trainer.first_row()?;
    println!("{most}");
    Ok(())
}

/// As [`memory`] of a process of its own, in MB.
fn memory_of(kind: Kind, rows: usize) -> Result<String> {
    let arguments = ["memory".to_owned(), format!("{kind:?}"), rows.to_string()];
    let output = Command::new(std::env::current_exe()?).args(arguments).output()?;
    let bytes = String::from_utf8(output.stdout)?.trim().parse::<u64>();
    Ok(bytes.map_or("fails".to_owned(), |bytes| format!("{:.0} MB", bytes as f64 / 1e6)))
}

fn run(rows: &[usize]) -> Result<()> {
    let shared = SharedDevice::new()?;
    println!("{}", shared.context());
    check(&shared)?;
    println!("\n| V | Burn | tensor | batch | the same 10,000 rows | Burn / tensor | Burn / batch |");
    println!("|---|---|---|---|---|---|---|");
    for &rows in rows {
        let times = time(&shared, rows)?;
        let [burn, tensor, batch, same] =
            times.map(|time| time.map_or("fails".to_owned(), |time| format!("{time:.2} ms")));
        let over = |kind: usize| match (times[0], times[kind]) {
            (Some(burn), Some(time)) => format!("{:.1}", burn / time),
            _ => "-".to_owned(),
        };
        println!("| {rows} | {burn} | {tensor} | {batch} | {same} | {} | {} |", over(1), over(2));
    }
    println!("\n| V | GPU memory, Burn | GPU memory, SparseEmbedding |\n|---|---|---|");
    for &rows in rows {
        println!("| {rows} | {} | {} |", memory_of(Kind::Burn, rows)?, memory_of(Kind::Batch, rows)?);
    }
    Ok(())
}

fn main() -> ExitCode {
    // Cargo adds --bench.
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let result = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => run(&ROWS),
        ["memory", kind, rows] => match KINDS.into_iter().find(|known| format!("{known:?}") == *kind) {
            Some(kind) => rows.parse().map_err(Into::into).and_then(|rows| memory(kind, rows)),
            None => Err(format!("the kinds are {KINDS:?}").into()),
        },
        rows => rows.iter().map(|rows| Ok(rows.parse()?)).collect::<Result<Vec<_>>>().and_then(|rows| run(&rows)),
    };
    if let Err(error) = result {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
