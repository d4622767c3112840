//! Deferred Adam against dense Adam in f64, beside dense Adam in f32.

use wgpu_embedding::reference::{AdamState, RowSums, adam_dense};
use wgpu_embedding::{Adam, EmbeddingConfig, EpsilonForm, GpuEmbedding, Initializer, Update, wgpu};

use crate::exact::*;
use crate::support::*;

const WIDTH: usize = 8;

/// Set to 1 to have the largest errors printed.
const REPORT_SWITCH: &str = "WGPU_EMBEDDING_REPORT";

/// How a learning rate goes with the step.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Schedule {
    Constant,
    /// 100 steps up, then down by a cosine over 1,500.
    WarmUpAndCosine,
    /// A hundredth, and a hundredfold back, every 137 steps.
    Sudden,
}

impl Schedule {
    fn rate(self, step: u64) -> f64 {
        match self {
            Self::Constant => 1e-3,
            Self::WarmUpAndCosine if step < 100 => 1e-5 * step as f64,
            Self::WarmUpAndCosine => {
                let progress = ((step - 100) as f64 / 1_500.0).min(1.0);
                1e-5 + 1e-3 * (0.5 + 0.5 * (std::f64::consts::PI * progress).cos())
            }
            Self::Sudden if step / 137 % 2 == 1 => 1e-5,
            Self::Sudden => 1e-3,
        }
    }
}

/// The largest errors of a run, in ulp of the largest weight.
#[derive(Debug, Clone, Copy, Default)]
struct Errors {
    dense: f64,
    deferred: f64,
}

impl Errors {
    fn raise(&mut self, deferred: &[f32], dense: &[f32], exact: &[Exact]) {
        self.deferred = self.deferred.max(worst_ulp(deferred, exact));
        self.dense = self.dense.max(worst_ulp(dense, exact));
    }
}

/// Trains rows with gradients from 1 to 1e-8 at steps that are `gaps` apart, deferred and dense, and compares what each
/// lookup sees, just before each step and at the end, and the weights then.
fn run(adam: Adam, schedule: Schedule, gaps: &[u64]) -> Errors {
    let rows = 9;
    let indices: Vec<u32> = (0..rows as u32).collect();
    // Weights as small as Keras's, and every row of one sign and of both.
    let start: Vec<f32> = fractions(rows * WIDTH, 1).iter().map(|w| w * 0.05).collect();
    let noise = fractions(rows * WIDTH * gaps.len(), 2);

    let config = EmbeddingConfig::new(rows as u32, WIDTH as u32).with_initializer(Initializer::Matrix(start.clone()));
    let mut tables = [Update::Deferred, Update::Dense]
        .map(|update| GpuEmbedding::new(&context(), config.clone(), adam.with_update(update)).unwrap());
    // They have the same layout, so that batches serve both.
    let batch = tables[0].batch(&indices).unwrap();
    let nothing = tables[0].batch::<[u32]>(&[]).unwrap();
    let mut exact: Vec<Exact> = start.iter().map(|&w| Exact::at(w)).collect();
    let mut errors = Errors::default();
    let empty = buffer(&[0.0f32; 4]);
    let mut step = 0;
    for (number, &gap) in gaps.iter().chain([&1]).enumerate() {
        let mut encoder = encoder();
        for missed in 0..gap {
            step += 1;
            let rate = schedule.rate(step);
            let touched = missed + 1 == gap && number < gaps.len();
            if missed + 1 == gap {
                // The steps until now are submitted; then a lookup just before this one.
                context().submit(std::mem::replace(&mut encoder, self::encoder())).unwrap();
                let [deferred, dense] = tables.each_ref().map(|table| table.lookup(&batch).unwrap().read().unwrap());
                errors.raise(&deferred, &dense, &exact);
            }
            let gradient: Vec<f32> = if touched {
                let noise = noise[number * rows * WIDTH..][..rows * WIDTH].iter().enumerate();
                noise.map(|(element, noise)| noise * 10f32.powi(-(element as i32 / WIDTH as i32))).collect()
            } else {
                Vec::new()
            };
            for table in &mut tables {
                table.set_learning_rate(rate).unwrap();
                if touched {
                    table.update(&batch, &gradient).unwrap();
                } else {
                    table.record_update(&mut encoder, &nothing, &empty).unwrap();
                }
            }
            if step % 256 == 0 {
                context().submit(std::mem::replace(&mut encoder, self::encoder())).unwrap();
            }
            let scalars = ExactStep::new(&adam.with_learning_rate(rate), step);
            for (element, exact) in exact.iter_mut().enumerate() {
                exact.update(&scalars, gradient.get(element).copied().unwrap_or(0.0).into());
            }
        }
        context().submit(encoder).unwrap();
    }
    let [deferred, dense] = tables.each_ref().map(|table| table.lookup(&batch).unwrap().read().unwrap());
    errors.raise(&deferred, &dense, &exact);
    let [deferred, dense] = tables.each_ref().map(|table| table.weights().unwrap());
    errors.raise(&deferred, &dense, &exact);
    errors
}

const BETAS: [(f64, f64); 7] =
    [(0.9, 0.999), (0.9, 0.98), (0.9, 0.99), (0.95, 0.999), (0.8, 0.95), (0.0, 0.999), (0.99, 0.999)];

fn report(line: &str) {
    if std::env::var_os(REPORT_SWITCH).is_some_and(|value| value == "1") {
        println!("{line}");
    }
}

pub fn it_is_no_further_from_f64_than_dense_f32() {
    let gaps = [1, 2, 10, 165, 166, 167, 1_000, 1, 2];
    let mut failed = Vec::new();
    report("| beta_1 | beta_2 | deferred, ulp | dense f32, ulp |\n|--|--|--|--|");
    for (beta_1, beta_2) in BETAS {
        let mut worst = Errors::default();
        for schedule in [Schedule::Constant, Schedule::WarmUpAndCosine, Schedule::Sudden] {
            for weight_decay in [0.0, 0.1] {
                for amsgrad in [false, true] {
                    for form in [EpsilonForm::Keras, EpsilonForm::PyTorch] {
                        let adam = Adam::default()
                            .with_betas(beta_1, beta_2)
                            .with_weight_decay(weight_decay)
                            .with_amsgrad(amsgrad)
                            .with_epsilon_form(form);
                        let errors = run(adam, schedule, &gaps);
                        worst.deferred = worst.deferred.max(errors.deferred);
                        worst.dense = worst.dense.max(errors.dense);
                        // Not the opposite, which a NaN would pass.
                        let held = errors.deferred <= errors.dense.max(1.5);
                        if !held {
                            failed.push(format!("{errors:.2?} {schedule:?} {adam:?}"));
                        }
                    }
                }
            }
        }
        report(&format!("| {beta_1} | {beta_2} | {:.2} | {:.2} |", worst.deferred, worst.dense));
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
