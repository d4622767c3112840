//! How far a replayed case may be from what a framework made of it, float by float.
//!
//! Each float is computed again in f64, and beside it goes a bound of how far two f32 computations of it, this crate's
//! and the framework's, can have drifted apart: what both did to it by rounding, step after step. With eps = 2^-23, this
//! crate may be off by what WebGPU allows a device (+ and * within 1 ulp, division 2.5, sqrt about 4.5 ulp):
//!
//! | | rounding of one step |
//! |---|---|
//! | a row's gradient | eps of each partial sum, added up |
//! | a row's mean square | of its own sum (log2(columns) + 2) eps, of the framework's columns / 2 eps |
//! | what is `a kept + b added`: m, momentum, Lion's sum | 3 eps (abs(a kept) + abs(b added)) |
//! | v | 4 eps v |
//! | Adagrad's sum | 2 eps of it |
//! | w * decay, where it is not 1 | 1.5 eps abs(w): the product, and the decay's own rounding |
//! | an update that is divided | 13 eps of it |
//! | one that is not | 2 eps of it |
//! | w - update, where it is not 0 | 1 ulp of w |
//!
//! The frameworks run on a CPU that rounds to nearest, so theirs is half of each, and the sum is 1.5 times the table.
//! Only sums of many differ: this crate's are those of its chunks and trees, the frameworks' run through them.
//! To that comes what the errors of earlier steps, and of the terms, do to the result. Flushed subnormals are left out:
//! no number of the cases is near them. Lion's sign may turn where its sum is no further from 0 than it may be off.
//!
//! The state of the dense and the deferred update on one device is compared likewise. Each is off by the table at most, so
//! the sum is twice it; gradients are summed alike, and only steps round. A row that the deferred update catches up by k
//! steps rounds once for all of them: m and v by 3 eps, those of beta^k, which is a product of two powers, and of its
//! product with them. That is no more than the table allows the first of these steps alone.

use std::collections::{BTreeMap, HashMap};

use wgpu_embedding::{Extent, Initializer, Optimizer, Update};

use super::case::{Case, Step};
use rules::Scalars;

#[path = "rules.rs"]
mod rules;

const EPS: f64 = 1.0 / (1u64 << 23) as f64;

/// What this crate is held against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Other {
    /// Computes Adam's `lr * sqrt(1 - beta_2^t) / (1 - beta_1^t)` in f32, and Lion's `1 - beta`.
    Keras,
    /// Computes them in f64, as this crate does.
    PyTorch,
    Fbgemm,
    /// This crate on the same device, with another update.
    Itself,
}

impl Other {
    /// This crate's rounding and the other's together, in this crate's.
    fn both(self) -> f64 {
        match self {
            Self::Keras | Self::PyTorch | Self::Fbgemm => 1.5,
            Self::Itself => 2.0,
        }
    }
}

/// A number, and how far apart the two computations of it can be.
#[derive(Debug, Clone, Copy, Default)]
struct Value {
    exact: f64,
    apart: f64,
}

/// A weight, and the optimizer's arrays for it in their order; of one with a number a row, each weight of the row has it.
#[derive(Debug, Clone, Copy, Default)]
struct Element {
    weight: Value,
    state: [Value; 3],
}

/// A bound for each float of each tensor of the outcome, by the tensor's name.
pub type Bounds = BTreeMap<String, Vec<f64>>;

pub fn bounds(case: &Case, other: Other) -> Bounds {
    let Initializer::Matrix(weights) = &case.config.initializer else { panic!("a case has its weights") };
    let width = case.config.output_dim as usize;
    let arrays = case.optimizer.state();
    let start = |&weight| {
        let mut element = Element { weight: exactly(f64::from(weight)), ..Element::default() };
        for (value, array) in element.state.iter_mut().zip(&arrays) {
            *value = exactly(f64::from(array.first_value));
        }
        element
    };
    let mut table: Vec<Element> = weights.iter().map(start).collect();

    let mut bounds = BTreeMap::new();
    for (number, step) in case.steps.iter().enumerate() {
        let rows = step.indices.iter().flat_map(|&row| &table[row as usize * width..][..width]);
        bounds.insert(format!("step.{number}.output"), rows.map(|element| element.weight.apart).collect());

        let gradients = row_gradients(step, width, case.config.padding_idx, other);
        let scalars = Scalars::new(&case.optimizer, number as i32 + 1, other);
        let no_gradient = vec![exactly(0.0); width];
        for (row, elements) in table.chunks_exact_mut(width).enumerate() {
            let gradient = gradients.get(&(row as i64));
            if gradient.is_none() && case.optimizer.update() == Update::Lazy {
                continue;
            }
            let gradient = gradient.unwrap_or(&no_gradient);
            let mean_square = mean_square(gradient, other);
            for (element, &gradient) in elements.iter_mut().zip(gradient) {
                *element = scalars.update(*element, gradient, mean_square);
            }
        }
    }

    bounds.insert("weight".to_owned(), table.iter().map(|element| element.weight.apart).collect());
    for (number, array) in arrays.iter().enumerate() {
        let step = match array.extent {
            Extent::PerElement => 1,
            Extent::PerRow => width,
        };
        let values = table.iter().step_by(step).map(|element| element.state[number].apart);
        bounds.insert(array.name.to_owned(), values.collect());
    }
    bounds
}

/// A setting of the optimizer's own that is a number; 0 if it has no such setting.
pub fn number(optimizer: &Optimizer, setting: &str) -> f64 {
    optimizer.setting(setting).map_or(0.0, |text| text.parse().unwrap())
}

fn exactly(exact: f64) -> Value {
    Value { exact, apart: 0.0 }
}

/// The summed gradient of each row that gets one.
fn row_gradients(step: &Step, width: usize, padding_idx: Option<u32>, other: Other) -> HashMap<i64, Vec<Value>> {
    let mut lookups: HashMap<i64, Vec<&[f32]>> = HashMap::new();
    for (&row, gradient) in step.indices.iter().zip(step.gradient.chunks_exact(width)) {
        if padding_idx.is_none_or(|padding_idx| row != i64::from(padding_idx)) {
            lookups.entry(row).or_default().push(gradient);
        }
    }
    let sum = |gradients: Vec<&[f32]>| {
        let column = |column: usize| {
            let values: Vec<f64> = gradients.iter().map(|gradient| f64::from(gradient[column])).collect();
            let (exact, partial_sums) = in_order(&values);
            let apart = match other {
                Other::Keras | Other::PyTorch | Other::Fbgemm => EPS * (in_chunks(&values) + partial_sums / 2.0),
                Other::Itself => 0.0,
            };
            Value { exact, apart }
        };
        (0..width).map(column).collect()
    };
    lookups.into_iter().map(|(row, gradients)| (row, sum(gradients))).collect()
}

/// The sum, and the sizes of the partial sums on the way, added up.
fn in_order(values: &[f64]) -> (f64, f64) {
    values[1..].iter().fold((values[0], 0.0), |(sum, sizes), value| (sum + value, sizes + (sum + value).abs()))
}

/// The sizes of the partial sums where chunks of 64 are summed, then chunks of their sums, until one is left.
fn in_chunks(values: &[f64]) -> f64 {
    let (sums, sizes): (Vec<f64>, Vec<f64>) = values.chunks(64).map(in_order).unzip();
    sizes.iter().sum::<f64>() + if sums.len() > 1 { in_chunks(&sums) } else { 0.0 }
}

/// The mean of a row's squares.
fn mean_square(gradient: &[Value], other: Other) -> Value {
    let columns = gradient.len() as f64;
    let mean = |of: fn(&Value) -> f64| gradient.iter().map(of).sum::<f64>() / columns;
    let exact = mean(|g| g.exact * g.exact);
    let summing = match other {
        Other::Keras | Other::PyTorch | Other::Fbgemm => columns.log2().ceil() + 2.0 + columns / 2.0,
        Other::Itself => 0.0,
    };
    // The squares, and the division by the columns.
    let rounding = (other.both() * 2.5 + summing) * EPS * exact;
    Value { exact, apart: mean(|g| (2.0 * g.exact.abs() + g.apart) * g.apart) + rounding }
}

/// The distance of neighbouring f32s at `value`.
pub fn ulp(value: f64) -> f64 {
    EPS * value.abs().max(f64::from(f32::MIN_POSITIVE)).log2().floor().exp2()
}
