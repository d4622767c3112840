//! Deferred Adam against dense Adam in f64, beside dense Adam in f32.

use wgpu_embedding::reference::{AdamState, RowSums, adam_dense};
use wgpu_embedding::{Adam, EmbeddingConfig, EpsilonForm, GpuEmbedding, Initializer, Update};

use crate::support::*;

const WIDTH: usize = 8;

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

/// One element, in f64.
#[derive(Debug, Clone, Copy, Default)]
struct Exact {
    w: f64,
    m: f64,
    v: f64,
    largest: f64,
}

impl Exact {
    fn update(&mut self, adam: &Adam, step: u64, g: f64) {
        // A beta is what the f32 of 1 - beta leaves of it, on all sides.
        let [c1, c2] = [adam.beta_1, adam.beta_2].map(|beta| f64::from((1.0 - beta) as f32));
        self.w *= 1.0 - adam.learning_rate * adam.weight_decay;
        self.m += (g - self.m) * c1;
        self.v += (g * g - self.v) * c2;
        self.largest = self.largest.max(self.v);
        let s = if adam.amsgrad { self.largest } else { self.v };
        let root = (1.0 - adam.beta_2.powi(step as i32)).sqrt();
        let bias_1 = 1.0 - adam.beta_1.powi(step as i32);
        let epsilon = if adam.epsilon_form == EpsilonForm::PyTorch { adam.epsilon * root } else { adam.epsilon };
        self.w -= adam.learning_rate * root / bias_1 * self.m / (s.sqrt() + epsilon);
    }
}

/// The largest errors of a run, in ulp of the largest weight.
#[derive(Debug, Clone, Copy, Default)]
struct Errors {
    dense: f64,
    deferred: f64,
}

/// Trains rows with gradients from 1 to 1e-8 at steps that are `gaps` apart, and compares what each lookup sees, just
/// before each step and at the end, and the weights then.
fn run(adam: Adam, schedule: Schedule, gaps: &[u64]) -> Errors {
    let rows = 9;
    let indices: Vec<u32> = (0..rows as u32).collect();
    // Weights as small as Keras's, and every row of one sign and of both.
    let start: Vec<f32> = fractions(rows * WIDTH, 1).iter().map(|w| w * 0.05).collect();
    let noise = fractions(rows * WIDTH * gaps.len(), 2);

    let config = EmbeddingConfig::new(rows as u32, WIDTH as u32).with_initializer(Initializer::Matrix(start.clone()));
    let mut gpu = GpuEmbedding::new(&context(), config, adam.with_update(Update::Deferred)).unwrap();
    let batch = gpu.batch(&indices).unwrap();
    let nothing = gpu.batch::<[u32]>(&[]).unwrap();
    let mut dense = AdamState {
        weights: start.clone(),
        first_moment: vec![0.0; start.len()],
        second_moment: vec![0.0; start.len()],
        largest_moment: vec![0.0; if adam.amsgrad { start.len() } else { 0 }],
    };
    let mut exact: Vec<Exact> = start.iter().map(|&w| Exact { w: w.into(), ..Exact::default() }).collect();
    let mut errors = Errors::default();
    let empty = buffer(&[0.0f32; 4]);
    let mut step = 0;
    for (number, &gap) in gaps.iter().chain([&1]).enumerate() {
        let mut encoder = encoder();
        for missed in 0..gap {
            step += 1;
            let rate = schedule.rate(step);
            gpu.set_learning_rate(rate).unwrap();
            let adam = adam.with_learning_rate(rate);
            let touched = missed + 1 == gap && number < gaps.len();
            if missed + 1 == gap {
                // The steps until now are submitted; then a lookup just before this one.
                context().submit(std::mem::replace(&mut encoder, self::encoder())).unwrap();
                let looked_up = gpu.lookup(&batch).unwrap().read().unwrap();
                errors.compare(&looked_up, &dense.weights, &exact);
            }
            let gradient: Vec<f32> = (0..rows * WIDTH)
                .map(|element| {
                    noise[(number * rows * WIDTH + element) % noise.len()]
                        * 10f32.powi(-(element as i32 / WIDTH as i32))
                })
                .collect();
            let sums = if touched { &gradient[..] } else { &[] };
            if touched {
                gpu.update(&batch, &gradient).unwrap();
            } else {
                gpu.record_update(&mut encoder, &nothing, &empty).unwrap();
                if step % 256 == 0 {
                    context().submit(std::mem::replace(&mut encoder, self::encoder())).unwrap();
                }
            }
            let sums = RowSums { rows: indices[..sums.len() / WIDTH].to_vec(), sums: sums.to_vec() };
            adam_dense(&mut dense, WIDTH, &sums, &adam, step);
            for (element, exact) in exact.iter_mut().enumerate() {
                exact.update(&adam, step, sums.sums.get(element).copied().unwrap_or(0.0).into());
            }
        }
        context().submit(encoder).unwrap();
    }
    assert_eq!(gpu.step_count(), step);
    errors.compare(&gpu.lookup(&batch).unwrap().read().unwrap(), &dense.weights, &exact);
    errors.compare(&gpu.weights().unwrap(), &dense.weights, &exact);
    errors
}

impl Errors {
    fn compare(&mut self, deferred: &[f32], dense: &[f32], exact: &[Exact]) {
        let largest = exact.iter().map(|exact| exact.w.abs()).fold(0.0, f64::max);
        let ulp = 2f64.powi(largest.log2().floor() as i32 - 23);
        let worst = |got: &[f32]| {
            let error = |(&got, exact): (&f32, &Exact)| {
                let error = (f64::from(got) - exact.w).abs() / ulp;
                if error.is_nan() { f64::INFINITY } else { error }
            };
            got.iter().zip(exact).map(error).fold(0.0, f64::max)
        };
        self.deferred = self.deferred.max(worst(deferred));
        self.dense = self.dense.max(worst(dense));
    }
}

const BETAS: [(f64, f64); 7] =
    [(0.9, 0.999), (0.9, 0.98), (0.9, 0.99), (0.95, 0.999), (0.8, 0.95), (0.0, 0.999), (0.99, 0.999)];

pub fn it_is_no_further_from_f64_than_dense_f32() {
    let gaps = [1, 2, 3, 11, 166, 167, 168, 1_001, 1, 2];
    for (beta_1, beta_2) in BETAS {
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
                        println!("{beta_1} {beta_2} {schedule:?} {weight_decay} {amsgrad} {form:?} {errors:.2?}");
                    }
                }
            }
        }
    }
}
