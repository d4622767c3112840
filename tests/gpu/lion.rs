//! Deferred Lion against dense Lion in f64, beside dense Lion in f32.

use wgpu_embedding::{EmbeddingConfig, GpuContext, GpuEmbedding, Initializer, Lion, Update};

use crate::support::*;

const WIDTH: usize = 4;

/// 2^-125.
const LEAST: f32 = 2.0 * f32::MIN_POSITIVE;

/// Set to 1 to have the largest errors printed.
const REPORT_SWITCH: &str = "WGPU_EMBEDDING_REPORT";

/// A rate that falls, rises again, and jumps.
fn rate(step: u64) -> f64 {
    let slow = 1e-4 * (1.1 + (step as f64 / 1_000.0).cos());
    if step / 137 % 2 == 1 { 0.01 * slow } else { slow }
}

/// One element in f64: w and m.
#[derive(Clone, Copy)]
struct Exact {
    w: f64,
    m: f64,
}

impl Exact {
    fn update(&mut self, lion: &Lion, g: f64) {
        // Betas are what f32 leaves of them, on all sides.
        let mean = |beta: f64, m: f64| f64::from(beta as f32) * m + f64::from((1.0 - beta) as f32) * g;
        let sign = |u: f64| if u == 0.0 { 0.0 } else { u.signum() };
        self.w *= 1.0 - lion.learning_rate * lion.weight_decay;
        self.w -= lion.learning_rate * sign(mean(lion.beta_1, self.m));
        let new = mean(lion.beta_2, self.m);
        // As all sides have it: f64 would end too.
        self.m = if new != 0.0 && new.abs() < LEAST.into() { f64::from(LEAST).copysign(new) } else { new };
    }
}

/// The largest differences of the weights, in ulp of the largest one; infinite for a NaN.
fn worst_ulp(got: &[f32], exact: &[Exact]) -> f64 {
    assert_eq!(got.len(), exact.len());
    let largest = exact.iter().map(|exact| exact.w.abs()).fold(0.0, f64::max);
    let ulp = 2f64.powi(largest.log2().floor() as i32 - 23);
    let errors = got.iter().zip(exact).map(|(&got, exact)| (f64::from(got) - exact.w).abs() / ulp);
    errors.map(|error| if error.is_nan() { f64::INFINITY } else { error }).fold(0.0, f64::max)
}

/// Trains rows with gradients at steps that are `gaps` apart; the last row never has one. Deferred is no further off than
/// dense f32 on the CPU plus 1 ulp, in what each lookup sees before each gradient, and in the flushed weights. Gives the
/// largest errors of both.
fn run(what: &str, lion: Lion, gaps: &[u64]) -> [f64; 2] {
    let rows = 4;
    let start: Vec<f32> = fractions(rows * WIDTH, 1).iter().map(|w| w * 0.05).collect();
    let config = EmbeddingConfig::new(rows as u32, WIDTH as u32).with_initializer(Initializer::Matrix(start.clone()));
    let mut deferred = GpuEmbedding::new(&context(), config.clone(), lion).unwrap();
    let dense = lion.with_update(Update::Dense);
    let mut dense = GpuEmbedding::new(&GpuContext::reference(), config, dense).unwrap();
    let trained: Vec<u32> = (0..rows as u32 - 1).collect();
    let all: Vec<u32> = (0..rows as u32).collect();
    let batches =
        [&deferred, &dense].map(|table| (table.batch(&trained).unwrap(), table.batch::<[u32]>(&[]).unwrap()));
    let mut exact: Vec<Exact> = start.iter().map(|&w| Exact { w: w.into(), m: 0.0 }).collect();
    let mut worst = [0.0f64; 2];
    let mut check = |step: u64, deferred: &[f32], dense: &[f32], exact: &[Exact]| {
        let errors = [deferred, dense].map(|got| worst_ulp(got, exact));
        // Not the opposite, which a NaN would pass.
        let held = errors[0] <= errors[1] + 1.0 && errors[0] <= 12.0;
        assert!(held, "{what}, {lion:?}, step {step}: deferred and dense are off by {errors:.2?} ulp");
        worst = [worst[0].max(errors[0]), worst[1].max(errors[1])];
    };
    let empty = buffer(&[0.0f32; 4]);
    let mut step = 0;
    for (number, &gap) in gaps.iter().enumerate() {
        // Steps without a gradient, and then one with.
        let mut recorded = encoder();
        for missed in (0..gap).rev() {
            step += 1;
            for table in [&mut deferred, &mut dense] {
                table.set_learning_rate(rate(step)).unwrap();
            }
            let mut gradient = Vec::new();
            if missed > 0 {
                deferred.record_update(&mut recorded, &batches[0].1, &empty).unwrap();
                dense.update(&batches[1].1, &[]).unwrap();
            } else {
                context().submit(std::mem::replace(&mut recorded, encoder())).unwrap();
                check(step, &deferred.rows(&all).unwrap(), &dense.weights().unwrap(), &exact);
                gradient = whole_numbers(trained.len() * WIDTH, number as u64 + 10);
                deferred.update(&batches[0].0, &gradient).unwrap();
                dense.update(&batches[1].0, &gradient).unwrap();
            }
            if step % 256 == 0 {
                context().submit(std::mem::replace(&mut recorded, encoder())).unwrap();
            }
            let settings = lion.with_learning_rate(rate(step));
            for (element, exact) in exact.iter_mut().enumerate() {
                exact.update(&settings, gradient.get(element).copied().unwrap_or(0.0).into());
            }
        }
    }
    check(step, &deferred.weights().unwrap(), &dense.weights().unwrap(), &exact);
    worst
}

fn report(what: &str, weight_decay: f64, worst: [f64; 2]) {
    if std::env::var_os(REPORT_SWITCH).is_some_and(|value| value == "1") {
        let [deferred, dense] = worst;
        println!("| {what} | {weight_decay} | {deferred:.2} | {dense:.2} |");
    }
}

pub fn it_is_no_further_from_f64_than_dense_f32() {
    let gaps = [1, 1, 2, 10, 255, 256, 257, 1, 511, 512, 513, 1_000, 3, 5_000, 2];
    for betas in [(0.9, 0.99), (0.95, 0.98), (0.3, 0.1)] {
        for weight_decay in [0.0, 0.1] {
            let lion = Lion::default().with_betas(betas.0, betas.1).with_weight_decay(weight_decay);
            report(&format!("{betas:?}"), weight_decay, run("short gaps", lion, &gaps));
        }
    }
}

/// More than one and two rings of the history, so that the sweep has brought the rows on.
pub fn gaps_of_up_to_100_000_steps() {
    for (weight_decay, gaps) in [(0.0, [5, 100_000, 300]), (0.1, [5, 100_000, 300])] {
        let lion = Lion::default().with_weight_decay(weight_decay);
        report("100,000 steps", weight_decay, run("a long gap", lion, &gaps));
    }
}

pub fn a_moment_keeps_its_sign_and_its_least_size() {
    let empty = buffer(&[0.0f32; 4]);
    for betas in [(0.9, 0.99), (0.3, 0.1)] {
        for update in [Update::Deferred, Update::Dense] {
            // Of a power of two, so that no step rounds.
            let lion = Lion::default().with_learning_rate(0.5).with_betas(betas.0, betas.1).with_update(update);
            let config = EmbeddingConfig::new(3, 4).with_initializer(Initializer::Zeros);
            let mut table = GpuEmbedding::new(&context(), config, lion).unwrap();
            let batch = table.batch(&[1]).unwrap();
            table.update(&batch, &[2.0, -2.0, 0.0, 1e-30]).unwrap();
            let nothing = table.batch::<[u32]>(&[]).unwrap();
            for _ in 0..40 {
                let mut encoder = encoder();
                for _ in 0..500 {
                    table.record_update(&mut encoder, &nothing, &empty).unwrap();
                }
                context().submit(encoder).unwrap();
            }
            let expected = [-10_000.5, 10_000.5, 0.0, -10_000.5];
            assert_eq!(table.rows(&[1]).unwrap(), expected, "{lion:?}");
            assert_eq!(table.weights().unwrap()[4..8], expected, "{lion:?}");
            assert_eq!(table.state("exp_avg").unwrap()[4..8], [LEAST, -LEAST, 0.0, LEAST], "{lion:?}");
            // And it is still small enough to give way to any gradient.
            table.update(&batch, &[-1.0, 1.0, 1.0, -1.0]).unwrap();
            assert_eq!(table.rows(&[1]).unwrap(), [-10_000.0, 10_000.0, -0.5, -10_000.0], "{lion:?}");
        }
    }
}

pub fn a_nan_and_infinity_are_caught_up() {
    for betas in [(0.9, 0.99), (0.3, 0.1)] {
        let lion = Lion::default().with_learning_rate(0.5).with_betas(betas.0, betas.1);
        let config = EmbeddingConfig::new(3, 4).with_initializer(Initializer::Zeros);
        let mut table = GpuEmbedding::new(&context(), config, lion).unwrap();
        let batch = table.batch(&[1]).unwrap();
        table.update(&batch, &[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0]).unwrap();
        let other = table.batch(&[0]).unwrap();
        for _ in 0..600 {
            table.update(&other, &[1.0; 4]).unwrap();
        }
        let row = table.rows(&[1]).unwrap();
        assert!(row[0].is_nan(), "{lion:?}: {row:?}");
        assert_eq!(row[1..], [-300.5, 300.5, 0.0], "{lion:?}");
        let moments = table.state("exp_avg").unwrap();
        assert!(moments[4].is_nan(), "{lion:?}: {moments:?}");
        assert_eq!(moments[5..8], [f32::INFINITY, f32::NEG_INFINITY, 0.0], "{lion:?}");
        let weights = table.weights().unwrap();
        assert!(weights.iter().enumerate().all(|(at, weight)| weight.is_nan() == (at == 4)), "{lion:?}: {weights:?}");
    }
}
