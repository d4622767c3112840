//! How far a replayed case may be from what a framework made of it, float by float.
//!
//! Each float is computed again in f64, and beside it goes a bound of how far two f32 computations of it, this crate's
//! and the framework's, can have drifted apart: what both did to it by rounding, step after step. With eps = 2^-23, this
//! crate may be off by what WebGPU allows a device (+ and * within 1 ulp, division 2.5, sqrt about 4.5 ulp):
//!
//! | | rounding of one step |
//! |---|---|
//! | a row's gradient | eps of each partial sum, added up |
//! | m | 3 eps (abs(beta_1 m) + abs((1 - beta_1) g)) |
//! | v | 4 eps v |
//! | w * decay, where it is not 1 | 1.5 eps abs(w): the product, and the decay's own rounding |
//! | an update | 13 eps of it |
//! | w - update | 1 ulp of w |
//!
//! The frameworks run on a CPU that rounds to nearest, so theirs is half of each, and the sum is 1.5 times the table.
//! Only the partial sums differ: this crate's are those of its chunks, the frameworks' run through the batch.
//! To that comes what the errors of earlier steps, and of the terms, do to the result. Flushed subnormals are left out:
//! no number of the cases is near them.
//!
//! The moments of dense and deferred Adam on one device are compared likewise. Each is off by the table at most, so
//! the sum is twice it; gradients are summed alike, and only steps round. A row that deferred Adam catches up by k
//! steps rounds once for all of them: m and v by 3 eps, those of beta^k, which is a product of two powers, and of its
//! product with them. That is no more than the table allows the first of these steps alone.

use std::collections::{BTreeMap, HashMap};

use wgpu_embedding::{Adam, EpsilonForm, Initializer, Update};

use super::case::{Case, Step};

const EPS: f64 = 1.0 / (1u64 << 23) as f64;

/// What this crate is held against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Other {
    /// Computes `lr * sqrt(1 - beta_2^t) / (1 - beta_1^t)` in f32.
    Keras,
    /// Computes it in f64, as this crate does.
    PyTorch,
    /// This crate on the same device, with another update.
    Itself,
}

impl Other {
    /// This crate's rounding and the other's together, in this crate's.
    fn both(self) -> f64 {
        match self {
            Self::Keras | Self::PyTorch => 1.5,
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

#[derive(Debug, Clone, Copy, Default)]
struct Element {
    weight: Value,
    first: Value,
    second: Value,
    largest: Value,
}

/// A bound for each float of each tensor of the outcome, by the tensor's name.
pub type Bounds = BTreeMap<String, Vec<f64>>;

pub fn bounds(case: &Case, other: Other) -> Bounds {
    let Initializer::Matrix(weights) = &case.config.initializer else { panic!("a case has its weights") };
    let width = case.config.output_dim as usize;
    let start = |&weight| Element { weight: exactly(f64::from(weight)), ..Element::default() };
    let mut table: Vec<Element> = weights.iter().map(start).collect();

    let mut bounds = BTreeMap::new();
    for (number, step) in case.steps.iter().enumerate() {
        let rows = step.indices.iter().flat_map(|&row| &table[row as usize * width..][..width]);
        bounds.insert(format!("step.{number}.output"), rows.map(|element| element.weight.apart).collect());

        let gradients = row_gradients(step, width, case.config.padding_idx, other);
        let scalars = Scalars::new(&case.optimizer, number as i32 + 1, other);
        for (row, elements) in table.chunks_exact_mut(width).enumerate() {
            let gradient = gradients.get(&(row as i64));
            if gradient.is_none() && case.optimizer.update == Update::Lazy {
                continue;
            }
            for (column, element) in elements.iter_mut().enumerate() {
                let gradient = gradient.map_or(exactly(0.0), |gradient| gradient[column]);
                *element = scalars.update(*element, gradient);
            }
        }
    }

    let mut insert = |name: &str, value: fn(&Element) -> Value| {
        bounds.insert(name.to_owned(), table.iter().map(|element| value(element).apart).collect());
    };
    insert("weight", |element| element.weight);
    insert("m", |element| element.first);
    insert("v", |element| element.second);
    insert("v_hat", |element| element.largest);
    bounds
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
                Other::Keras | Other::PyTorch => EPS * (in_chunks(&values) + partial_sums / 2.0),
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

/// What is the same for every element of a step.
struct Scalars<'a> {
    adam: &'a Adam,
    alpha: Value,
    epsilon: f64,
    both: f64,
}

impl<'a> Scalars<'a> {
    fn new(adam: &'a Adam, step: i32, other: Other) -> Self {
        let left = |beta: f64| 1.0 - beta.powi(step);
        let root = left(adam.beta_2).sqrt();
        let alpha = adam.learning_rate * root / left(adam.beta_1);
        // In f32, beta is rounded, and the power has an ulp; 1 - beta^t, where little is left of it, keeps both errors.
        let error_left = |beta: f64| {
            let rounded = (f64::from(beta as f32) - beta).abs();
            (f64::from(step) * beta.powi(step - 1) * rounded + EPS / 2.0) / left(beta)
        };
        let relative = match other {
            Other::Keras => error_left(adam.beta_2) / 2.0 + error_left(adam.beta_1),
            Other::PyTorch | Other::Itself => 0.0,
        };
        let epsilon = match adam.epsilon_form {
            EpsilonForm::Keras => adam.epsilon,
            EpsilonForm::PyTorch => adam.epsilon * root,
        };
        Self { adam, alpha: Value { exact: alpha, apart: alpha * relative }, epsilon, both: other.both() }
    }

    /// One step of one element.
    fn update(&self, old: Element, gradient: Value) -> Element {
        let Adam { beta_1, beta_2, learning_rate, weight_decay, amsgrad, .. } = *self.adam;
        let (g, both) = (gradient.exact, self.both);

        let kept = beta_1 * old.first.exact;
        let added = (1.0 - beta_1) * g;
        let first = Value {
            exact: kept + added,
            apart: beta_1 * old.first.apart
                + (1.0 - beta_1) * gradient.apart
                + both * 3.0 * EPS * (kept.abs() + added.abs()),
        };

        let exact = beta_2 * old.second.exact + (1.0 - beta_2) * g * g;
        let square_apart = (2.0 * g.abs() + gradient.apart) * gradient.apart;
        let apart = beta_2 * old.second.apart + (1.0 - beta_2) * square_apart + both * 4.0 * EPS * exact;
        let second = Value { exact, apart };
        let largest =
            Value { exact: old.largest.exact.max(second.exact), apart: old.largest.apart.max(second.apart) };

        let square = if amsgrad { largest } else { second };
        let root = square.exact.sqrt();
        let root_apart = root - (square.exact - square.apart).max(0.0).sqrt();
        let divisor = root + self.epsilon;
        let update = self.alpha.exact * first.exact / divisor;
        let update_apart =
            (self.alpha.exact * first.apart + self.alpha.apart * first.exact.abs() + update.abs() * root_apart)
                / (divisor - root_apart)
                + both * 13.0 * EPS * update.abs();

        let decay = 1.0 - learning_rate * weight_decay;
        let decayed = old.weight.exact * decay;
        let decay_apart = if decay == 1.0 { 0.0 } else { both * 1.5 * EPS * decayed.abs() };
        let exact = decayed - update;
        let apart = old.weight.apart * decay + decay_apart + update_apart + both * ulp(exact);
        Element { weight: Value { exact, apart }, first, second, largest }
    }
}

/// The distance of neighbouring f32s at `value`.
pub fn ulp(value: f64) -> f64 {
    EPS * value.abs().max(f64::from(f32::MIN_POSITIVE)).log2().floor().exp2()
}
