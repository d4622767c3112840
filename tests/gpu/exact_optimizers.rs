//! The dense optimizers in f64, step by step: what their deferred forms are held against. Adam's is in exact.rs.

use wgpu_embedding::{EpsilonForm, MomentumForm, Optimizer};

/// A table whose every row is updated at every step.
#[derive(Debug)]
pub struct Exact {
    pub weights: Vec<f64>,
    /// The momentum buffer, or the sum of squares.
    first: Vec<f64>,
    /// One number a row.
    rows: Vec<f64>,
    width: usize,
    steps: u64,
}

impl Exact {
    pub fn new(weights: &[f32], width: usize) -> Self {
        Self {
            weights: weights.iter().map(|&w| w.into()).collect(),
            first: vec![0.0; weights.len()],
            rows: vec![0.0; weights.len() / width],
            width,
            steps: 0,
        }
    }

    /// Step `step`, from 1, with a gradient of the first rows; all others have zero.
    pub fn update(&mut self, optimizer: &Optimizer, step: u64, gradient: &[f32]) {
        self.steps += 1;
        assert_eq!(self.steps, step);
        if step == 1 {
            self.start(optimizer);
        }
        let decay = 1.0 - optimizer.learning_rate() * optimizer.weight_decay();
        let rows = self.weights.chunks_exact_mut(self.width).zip(self.first.chunks_exact_mut(self.width));
        for (row, ((weights, firsts), number)) in rows.zip(&mut self.rows).enumerate() {
            let gradient_of =
                |column: usize| f64::from(gradient.get(row * self.width + column).copied().unwrap_or(0.0));
            let mean = (0..self.width).map(|column| gradient_of(column).powi(2)).sum::<f64>() / self.width as f64;
            match optimizer {
                Optimizer::RowWiseAdagrad(_) => *number += mean,
                Optimizer::RowWiseAdam(adam) => *number += (mean - *number) * gain(adam.beta_2),
                _ => {}
            }
            for (column, (w, first)) in weights.iter_mut().zip(firsts).enumerate() {
                let g = gradient_of(column);
                *w = *w * decay + moved(optimizer, step, first, *number, g);
            }
        }
    }

    fn start(&mut self, optimizer: &Optimizer) {
        match optimizer {
            Optimizer::Adagrad(adagrad) => self.first.fill((adagrad.initial_accumulator as f32).into()),
            Optimizer::RowWiseAdagrad(adagrad) => self.rows.fill((adagrad.initial_accumulator as f32).into()),
            _ => {}
        }
    }
}

/// What a step adds to a weight, decay apart.
fn moved(optimizer: &Optimizer, step: u64, first: &mut f64, number: f64, g: f64) -> f64 {
    let rate = optimizer.learning_rate();
    match optimizer {
        Optimizer::Sgd(sgd) if sgd.momentum == 0.0 => -rate * g,
        Optimizer::Sgd(sgd) => match sgd.momentum_form {
            MomentumForm::PyTorch => {
                *first = sgd.momentum * *first + g;
                -rate * if sgd.nesterov { g + sgd.momentum * *first } else { *first }
            }
            MomentumForm::Keras => {
                *first = sgd.momentum * *first - rate * g;
                if sgd.nesterov { sgd.momentum * *first - rate * g } else { *first }
            }
        },
        Optimizer::Adagrad(adagrad) => {
            *first += g * g;
            -rate * g / root(*first, adagrad.epsilon, adagrad.epsilon_form)
        }
        Optimizer::RowWiseAdagrad(adagrad) => -rate * g / root(number, adagrad.epsilon, adagrad.epsilon_form),
        Optimizer::RowWiseAdam(adam) => {
            *first += (g - *first) * gain(adam.beta_1);
            let bias_1 = 1.0 - adam.beta_1.powi(step as i32);
            let root_bias_2 = (1.0 - adam.beta_2.powi(step as i32)).sqrt();
            match adam.epsilon_form {
                EpsilonForm::Keras => -rate * root_bias_2 / bias_1 * *first / (number.sqrt() + adam.epsilon),
                EpsilonForm::PyTorch => -rate / bias_1 * *first / (number.sqrt() / root_bias_2 + adam.epsilon),
            }
        }
        other => panic!("no twin of {other:?}"),
    }
}

/// 1 - beta as all sides have it, which fixes what beta is.
fn gain(beta: f64) -> f64 {
    f64::from((1.0 - beta) as f32)
}

fn root(sum: f64, epsilon: f64, form: EpsilonForm) -> f64 {
    match form {
        EpsilonForm::Keras => (sum + epsilon).sqrt(),
        EpsilonForm::PyTorch => sum.sqrt() + epsilon,
    }
}
