//! Dense Adam in f64, element by element: what deferred Adam is held against; and how errors are measured.

use wgpu_embedding::{Adam, EpsilonForm};

/// One element.
#[derive(Debug, Clone, Copy, Default)]
pub struct Exact {
    pub w: f64,
    pub m: f64,
    pub v: f64,
    pub largest: f64,
}

/// A step's scalars.
#[derive(Debug, Clone, Copy)]
pub struct ExactStep {
    alpha: f64,
    epsilon: f64,
    decay: f64,
    gains: [f64; 2],
    amsgrad: bool,
}

impl ExactStep {
    /// Step `step`, from 1.
    pub fn new(adam: &Adam, step: u64) -> Self {
        let root = (1.0 - adam.beta_2.powi(step as i32)).sqrt();
        let bias_1 = 1.0 - adam.beta_1.powi(step as i32);
        Self {
            alpha: adam.learning_rate * root / bias_1,
            epsilon: if adam.epsilon_form == EpsilonForm::PyTorch { adam.epsilon * root } else { adam.epsilon },
            decay: 1.0 - adam.learning_rate * adam.weight_decay,
            // A beta is what the f32 of 1 - beta leaves of it, on all sides.
            gains: [adam.beta_1, adam.beta_2].map(|beta| f64::from((1.0 - beta) as f32)),
            amsgrad: adam.amsgrad,
        }
    }
}

impl Exact {
    pub fn at(weight: f32) -> Self {
        Self { w: weight.into(), ..Self::default() }
    }

    pub fn update(&mut self, step: &ExactStep, g: f64) {
        self.w *= step.decay;
        self.m += (g - self.m) * step.gains[0];
        // Where f32 ends, v stays.
        self.v = (self.v + (g * g - self.v) * step.gains[1]).min(f32::MAX.into());
        self.largest = self.largest.max(self.v);
        let s = if step.amsgrad { self.largest } else { self.v };
        self.w -= step.alpha * self.m / (s.sqrt() + step.epsilon);
    }
}

/// The weights alone.
pub fn weights(exact: &[Exact]) -> Vec<f64> {
    exact.iter().map(|exact| exact.w).collect()
}

/// The largest difference, in ulp of the largest weight; infinite for a NaN.
fn worst_ulp(got: &[f32], exact: &[f64]) -> f64 {
    assert_eq!(got.len(), exact.len());
    let largest = exact.iter().map(|w| w.abs()).fold(0.0, f64::max);
    let ulp = 2f64.powi(largest.log2().floor() as i32 - 23);
    let error = |(&got, exact): (&f32, &f64)| {
        let error = (f64::from(got) - exact).abs() / ulp;
        if error.is_nan() { f64::INFINITY } else { error }
    };
    got.iter().zip(exact).map(error).fold(0.0, f64::max)
}

/// The largest errors of a run, in ulp of the largest weight.
#[derive(Debug, Clone, Copy, Default)]
pub struct Errors {
    pub dense: f64,
    pub deferred: f64,
}

impl Errors {
    pub fn raise(&mut self, deferred: &[f32], dense: &[f32], exact: &[f64]) {
        *self = self.max(Self { deferred: worst_ulp(deferred, exact), dense: worst_ulp(dense, exact) });
    }

    pub fn max(self, other: Self) -> Self {
        Self { dense: self.dense.max(other.dense), deferred: self.deferred.max(other.deferred) }
    }
}

/// How a learning rate goes with the step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Schedule {
    Constant,
    /// 100 steps up, then down by a cosine over 1,500.
    WarmUpAndCosine,
    /// A hundredth, and a hundredfold back, every 137 steps.
    Sudden,
}

impl Schedule {
    pub fn rate(self, step: u64) -> f64 {
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

/// Set to 1 to have the largest errors printed.
const REPORT_SWITCH: &str = "WGPU_EMBEDDING_REPORT";

pub fn report(line: &str) {
    if std::env::var_os(REPORT_SWITCH).is_some_and(|value| value == "1") {
        println!("{line}");
    }
}
