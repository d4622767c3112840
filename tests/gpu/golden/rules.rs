//! One step of each optimizer in f64, with what two computations of it in f32 can differ by.

use wgpu_embedding::Optimizer;

use super::{EPS, Element, Other, Value, exactly, number, ulp};

/// What is the same for every element of a step.
pub struct Scalars<'a> {
    name: &'static str,
    optimizer: &'a Optimizer,
    /// From 1.
    step: i32,
    other: Other,
    learning_rate: f64,
    /// What the weights are multiplied by first.
    decay: f64,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    keras_epsilon: bool,
    amsgrad: bool,
    momentum: f64,
    keras_momentum: bool,
    nesterov: bool,
}

impl<'a> Scalars<'a> {
    pub fn new(optimizer: &'a Optimizer, step: i32, other: Other) -> Self {
        let number = |setting| number(optimizer, setting);
        let is = |setting, value| optimizer.setting(setting).as_deref() == Some(value);
        Self {
            name: optimizer.name(),
            optimizer,
            step,
            other,
            learning_rate: optimizer.learning_rate(),
            decay: 1.0 - optimizer.learning_rate() * optimizer.weight_decay(),
            beta_1: number("beta_1"),
            beta_2: number("beta_2"),
            epsilon: number("epsilon"),
            keras_epsilon: is("epsilon_form", "keras"),
            amsgrad: is("amsgrad", "true"),
            momentum: number("momentum"),
            keras_momentum: is("momentum_form", "keras"),
            nesterov: is("nesterov", "true"),
        }
    }

    /// One step of one element; `mean_square` is that of its row's gradient.
    pub fn update(&self, old: Element, gradient: Value, mean_square: Value) -> Element {
        let (state, update) = match self.name {
            "sgd" => self.sgd(old.state, gradient),
            "adagrad" => self.adagrad(old.state, gradient, self.square(gradient)),
            "rowwise_adagrad" => self.adagrad(old.state, gradient, mean_square),
            "adam" => self.adam(old.state, gradient, self.square(gradient)),
            "rowwise_adam" => self.adam(old.state, gradient, mean_square),
            "lion" => self.lion(old.state, gradient),
            _ => panic!("{:?} has no bounds here", self.optimizer),
        };
        let decayed = self.rounded(times(old.weight, self.decay), if self.decay == 1.0 { 0.0 } else { 1.5 });
        let mut weight = Value { exact: decayed.exact - update.exact, apart: decayed.apart + update.apart };
        if update.exact != 0.0 || update.apart != 0.0 {
            weight.apart += self.other.both() * ulp(weight.exact);
        }
        Element { weight, state }
    }

    fn sgd(&self, old: [Value; 3], gradient: Value) -> ([Value; 3], Value) {
        let step = self.rounded(times(gradient, self.learning_rate), 2.0);
        if self.optimizer.state().is_empty() {
            return (old, step);
        }
        if self.keras_momentum {
            let kept = |momentum| self.sum(times(momentum, self.momentum), times(step, -1.0));
            let momentum = kept(old[0]);
            let moved = if self.nesterov { kept(momentum) } else { momentum };
            return ([momentum, old[1], old[2]], times(moved, -1.0));
        }
        let kept = |momentum| self.sum(times(momentum, self.momentum), gradient);
        let momentum = kept(old[0]);
        let moved = if self.nesterov { kept(momentum) } else { momentum };
        ([momentum, old[1], old[2]], self.rounded(times(moved, self.learning_rate), 2.0))
    }

    fn adagrad(&self, old: [Value; 3], gradient: Value, square: Value) -> ([Value; 3], Value) {
        let sum = Value { exact: old[0].exact + square.exact, apart: old[0].apart + square.apart };
        let sum = if square.exact == 0.0 { sum } else { self.rounded(sum, 2.0) };
        let step = times(gradient, self.learning_rate);
        let update = if self.keras_epsilon {
            let under_the_root = Value { exact: sum.exact + self.epsilon, ..sum };
            self.divided(step, under_the_root, 0.0)
        } else {
            self.divided(step, sum, self.epsilon)
        };
        ([sum, old[1], old[2]], update)
    }

    fn adam(&self, old: [Value; 3], gradient: Value, square: Value) -> ([Value; 3], Value) {
        let [first, second, largest] = old;
        let first = self.sum(times(first, self.beta_1), times(gradient, 1.0 - self.beta_1));
        let (kept, added) = (times(second, self.beta_2), times(square, 1.0 - self.beta_2));
        let second = Value { exact: kept.exact + added.exact, apart: kept.apart + added.apart };
        let second = self.rounded(second, 4.0);
        let largest = Value { exact: largest.exact.max(second.exact), apart: largest.apart.max(second.apart) };

        let left = |beta: f64| 1.0 - beta.powi(self.step);
        let root = left(self.beta_2).sqrt();
        let alpha = self.learning_rate * root / left(self.beta_1);
        // In f32, beta is rounded, and the power has an ulp; 1 - beta^t, where little is left of it, keeps both errors.
        let error_left = |beta: f64| {
            let rounded = (f64::from(beta as f32) - beta).abs();
            (f64::from(self.step) * beta.powi(self.step - 1) * rounded + EPS / 2.0) / left(beta)
        };
        let relative = match self.other {
            Other::Keras => error_left(self.beta_2) / 2.0 + error_left(self.beta_1),
            Other::PyTorch | Other::Fbgemm | Other::Itself => 0.0,
        };
        let epsilon = if self.keras_epsilon { self.epsilon } else { self.epsilon * root };
        let mut step = times(first, alpha);
        step.apart += alpha * relative * first.exact.abs();
        let update = self.divided(step, if self.amsgrad { largest } else { second }, epsilon);
        ([first, second, largest], update)
    }

    fn lion(&self, old: [Value; 3], gradient: Value) -> ([Value; 3], Value) {
        let mixed = |beta: f64| {
            let mut added = times(gradient, 1.0 - beta);
            if self.other == Other::Keras {
                added.apart += (f64::from(1.0 - beta as f32) - (1.0 - beta)).abs() * gradient.exact.abs();
            }
            self.sum(times(old[0], beta), added)
        };
        let direction = mixed(self.beta_1);
        // By comparison, for f64's own sign of 0 is 1.
        let sign = f64::from(i8::from(direction.exact > 0.0) - i8::from(direction.exact < 0.0));
        let mut update = self.rounded(exactly(self.learning_rate * sign), 1.0);
        if direction.exact.abs() <= direction.apart && direction.apart > 0.0 {
            update.apart += 2.0 * self.learning_rate;
        }
        ([mixed(self.beta_2), old[1], old[2]], update)
    }

    /// The square, and what the gradient's own error does to it.
    fn square(&self, gradient: Value) -> Value {
        let size = gradient.exact.abs();
        Value { exact: size * size, apart: (2.0 * size + gradient.apart) * gradient.apart }
    }

    /// `numerator / (sqrt(square) + epsilon)`.
    fn divided(&self, numerator: Value, square: Value, epsilon: f64) -> Value {
        let root = square.exact.sqrt();
        let root_apart = root - (square.exact - square.apart).max(0.0).sqrt();
        let divisor = root + epsilon;
        let exact = numerator.exact / divisor;
        let apart = (numerator.apart + exact.abs() * root_apart) / (divisor - root_apart);
        self.rounded(Value { exact, apart }, 13.0)
    }

    /// The sum of two products.
    fn sum(&self, kept: Value, added: Value) -> Value {
        let rounding = self.other.both() * 3.0 * EPS * (kept.exact.abs() + added.exact.abs());
        Value { exact: kept.exact + added.exact, apart: kept.apart + added.apart + rounding }
    }

    /// The same value, off by so many eps of it more.
    fn rounded(&self, value: Value, eps: f64) -> Value {
        Value { apart: value.apart + self.other.both() * eps * EPS * value.exact.abs(), ..value }
    }
}

fn times(value: Value, factor: f64) -> Value {
    Value { exact: value.exact * factor, apart: value.apart * factor.abs() }
}
