use wgpu_embedding::{Adam, EmbeddingConfig, EpsilonForm, GpuEmbedding, Initializer, Update};

use crate::exact::{Exact, ExactStep};
use crate::support::*;

const EPS: f64 = f32::EPSILON as f64;

/// Every form of the update that there is.
fn forms() -> Vec<Adam> {
    let mut forms = Vec::new();
    for update in [Update::Dense, Update::Lazy] {
        for epsilon_form in [EpsilonForm::Keras, EpsilonForm::PyTorch] {
            for amsgrad in [false, true] {
                for weight_decay in [0.0, 0.1] {
                    forms.push(
                        Adam::default()
                            .with_update(update)
                            .with_learning_rate(0.01)
                            .with_epsilon_form(epsilon_form)
                            .with_amsgrad(amsgrad)
                            .with_weight_decay(weight_decay),
                    );
                }
            }
        }
    }
    forms
}

/// A batch and its gradient for step `step`.
fn step_data(step: u64, input_dim: u32, width: u32, count: usize) -> (Vec<u32>, Vec<f32>) {
    let skew = SKEWS[step as usize % 3];
    (indices(count, input_dim, skew, step), whole_numbers(count * width as usize, step + 100))
}

/// Weights and moments.
type State = (Vec<f32>, Moments);

fn state(embedding: &GpuEmbedding) -> State {
    (embedding.weights().unwrap(), moments(embedding).unwrap())
}

/// How far the GPU may be from the reference, added up step by step, from what the WGSL specification allows: 1 ulp for a
/// sum, a difference and a product, 2.5 for a division, 4.5 for sqrt, and any fusing. That is 3 eps of the terms of m,
/// 4 eps of v and 13 eps of an update, besides what m and v bring into it.
///
/// The gradients are whole numbers, so the row sums are equal and only Adam itself differs.
struct Bounds {
    /// Of each element of m, absolute.
    first: Vec<f64>,
    /// Of all elements of v and v_hat, relative.
    second: f64,
    /// Of each element of w, absolute.
    weights: Vec<f64>,
}

impl Bounds {
    fn new(embedding: &GpuEmbedding) -> Self {
        let elements = embedding.input_dim() as usize * embedding.output_dim() as usize;
        Self { first: vec![0.0; elements], second: 0.0, weights: vec![0.0; elements] }
    }

    /// Adds one step, from the reference's state before and after it.
    fn step(&mut self, before: &State, after: &State, adam: &Adam, step: u64) {
        let root = (1.0 - adam.beta_2.powf(step as f64)).sqrt();
        let alpha = adam.learning_rate * root / (1.0 - adam.beta_1.powf(step as f64));
        let epsilon = match adam.epsilon_form {
            EpsilonForm::Keras => adam.epsilon,
            EpsilonForm::PyTorch => adam.epsilon * root,
        };
        let decay = 1.0 - adam.learning_rate * adam.weight_decay;
        let largest = after.1.largest.as_ref().unwrap_or(&after.1.second);
        // v is a mean of positive numbers: relative errors do not grow in it, and each step adds its own.
        self.second += 4.0 * EPS;
        for element in 0..self.first.len() {
            let at = |values: &[f32]| f64::from(values[element]).abs();
            // (1 - beta_1) g is what m gained beyond beta_1 m.
            let terms = 2.0 * adam.beta_1 * at(&before.1.first) + at(&after.1.first);
            self.first[element] = adam.beta_1 * self.first[element] + 3.0 * EPS * terms;
            let factor = alpha / (at(largest).sqrt() + epsilon);
            let update = factor * at(&after.1.first);
            // sqrt halves the relative error of v. Decay and subtraction round w twice.
            self.weights[element] = decay * self.weights[element]
                + 2.0 * EPS * at(&before.0).max(at(&after.0))
                + update * (13.0 * EPS + self.second / 2.0)
                + factor * self.first[element];
        }
    }

    #[track_caller]
    fn check(&self, what: &str, got: &State, expected: &State) {
        assert_close(&format!("{what}: m"), &got.1.first, &expected.1.first, |element| self.first[element]);
        let relative = |values: &[f32], element: usize| self.second * f64::from(values[element]);
        let second = &expected.1.second;
        assert_close(&format!("{what}: v"), &got.1.second, second, |element| relative(second, element));
        assert_eq!(got.1.largest.is_some(), expected.1.largest.is_some());
        if let (Some(got), Some(expected)) = (&got.1.largest, &expected.1.largest) {
            assert_close(&format!("{what}: v_hat"), got, expected, |element| relative(expected, element));
        }
        assert_close(&format!("{what}: w"), &got.0, &expected.0, |element| self.weights[element]);
    }
}

/// Trains the same table on both sides and holds them together after each step.
fn train_both(what: &str, config: &EmbeddingConfig, adam: &Adam, steps: u64, count: usize) -> [GpuEmbedding; 2] {
    let mut both = pair(config, adam);
    let mut bounds = Bounds::new(&both[1]);
    let mut before = state(&both[1]);
    for step in 1..=steps {
        let (indices, gradient) = step_data(step, config.input_dim, config.output_dim, count);
        for embedding in &mut both {
            let batch = embedding.batch(&indices).unwrap();
            embedding.update(&batch, &gradient).unwrap();
        }
        let after = state(&both[1]);
        bounds.step(&before, &after, adam, step);
        bounds.check(&format!("{what}, step {step}"), &state(&both[0]), &after);
        before = after;
    }
    both
}

pub fn dense_and_lazy_agree_with_the_reference() {
    for width in WIDTHS {
        // 1,024 quads are one workgroup of the dense kernel: tables of one row less, equal and one more.
        let rows_per_workgroup = 1_024 / width.div_ceil(4);
        for input_dim in [1, rows_per_workgroup - 1, rows_per_workgroup, rows_per_workgroup + 1, 300] {
            let input_dim = input_dim.max(1);
            for adam in [Adam::default(), Adam::pytorch_sparse().with_weight_decay(0.1).with_amsgrad(true)] {
                let adam = adam.with_learning_rate(0.01);
                let what = format!("{input_dim} x {width}, {:?}", adam.update);
                train_both(&what, &EmbeddingConfig::new(input_dim, width), &adam, 2, 200);
            }
        }
    }
}

pub fn long_runs_agree_with_the_reference() {
    for adam in forms() {
        let [gpu, _] = train_both(&format!("{adam:?}"), &EmbeddingConfig::new(150, 6), &adam, 40, 100);
        assert_eq!(moments(&gpu).unwrap().largest.is_some(), adam.amsgrad);
    }
}

pub fn two_runs_and_any_split_give_the_same_bits() {
    for adam in forms() {
        let run = |config: EmbeddingConfig| {
            let mut embedding = GpuEmbedding::new(&context(), config, adam).unwrap();
            for step in 0..5 {
                let indices = indices(500, 1_000, SKEWS[step % 3], step as u64);
                let gradient = fractions(500 * 12, step as u64);
                let batch = embedding.batch(&indices).unwrap();
                embedding.update(&batch, &gradient).unwrap();
            }
            let (weights, moments) = state(&embedding);
            (bits(&weights), bits(&moments.first), bits(&moments.second), moments.largest.map(|it| bits(&it)))
        };
        let config = EmbeddingConfig::new(1_000, 12).with_seed(1);
        let first = run(config.clone());
        assert_eq!(first, run(config.clone()));
        assert_eq!(first, run(config.with_max_shard_bytes(64 * 48)));
    }
}

pub fn lazy_leaves_other_rows_alone() {
    let adam = Adam::pytorch_sparse().with_weight_decay(0.1);
    for mut embedding in pair(&EmbeddingConfig::new(20, 4), &adam) {
        let batch = embedding.batch(&[3, 17, 3]).unwrap();
        let before = embedding.weights().unwrap();
        for _ in 0..3 {
            embedding.update(&batch, &[1.0; 12]).unwrap();
        }
        let after = embedding.weights().unwrap();
        for row in 0..20 {
            let moved = before[row * 4..][..4] != after[row * 4..][..4];
            assert_eq!(moved, row == 3 || row == 17, "row {row}");
        }
    }
}

pub fn the_learning_rate_may_change_at_each_step() {
    let mut both = pair(&EmbeddingConfig::new(50, 8), &Adam::default());
    let mut bounds = Bounds::new(&both[1]);
    for step in 1..=20u64 {
        let (indices, gradient) = step_data(step, 50, 8, 60);
        let before = state(&both[1]);
        for embedding in &mut both {
            embedding.set_learning_rate(0.01 / step as f64).unwrap();
            let batch = embedding.batch(&indices).unwrap();
            embedding.update(&batch, &gradient).unwrap();
        }
        bounds.step(&before, &state(&both[1]), &adam_of(&both[1]), step);
    }
    bounds.check("a falling rate", &state(&both[0]), &state(&both[1]));
    let [gpu, _] = &mut both;
    assert_eq!(gpu.learning_rate(), 0.01 / 20.0);

    // A rate of zero moves nothing, and the moments go on.
    let (weights, moments) = state(gpu);
    gpu.set_learning_rate(0.0).unwrap();
    let batch = gpu.batch(&[1]).unwrap();
    gpu.update(&batch, &[1.0; 8]).unwrap();
    let (weights_after, moments_after) = state(gpu);
    assert_same_bits("weights at a rate of zero", &weights_after, &weights);
    assert_ne!(moments_after, moments);
    assert_eq!(gpu.step_count(), 21);
}

pub fn a_nan_reaches_its_own_row_and_no_other() {
    for adam in forms() {
        let config = EmbeddingConfig::new(40, 5);
        let mut embedding = GpuEmbedding::new(&context(), config, adam).unwrap();
        let batch = embedding.batch(&[7, 8, 9, 8]).unwrap();
        let mut gradient = [1.0; 20];
        gradient[8] = f32::NAN;
        embedding.update(&batch, &gradient).unwrap();
        embedding.update(&batch, &[1.0; 20]).unwrap();
        let (weights, moments) = state(&embedding);
        let largest = moments.largest.unwrap_or_else(|| moments.second.clone());
        for values in [weights, moments.first, moments.second, largest] {
            for (element, value) in values.iter().enumerate() {
                assert_eq!(value.is_nan(), element == 8 * 5 + 3, "{adam:?}: element {element} is {value}");
            }
        }
    }
}

/// Dense Adam in f64.
fn exact_weight(adam: &Adam, gradients: &[f32]) -> f64 {
    let mut exact = Exact::at(1.0);
    for (step, &g) in (1..).zip(gradients) {
        exact.update(&ExactStep::new(adam, step), g.into());
    }
    exact.w
}

pub fn a_gradient_whose_square_overflows_is_taken() {
    // 1e20 is torch.optim.Adam's case; from 6e20 on v itself would overflow.
    for large in [1e20, -1e20, 2.5e19, 1e25, -3e38] {
        for adam in forms().into_iter().chain(forms().into_iter().map(|adam| adam.with_update(Update::Deferred))) {
            let adam = adam.with_learning_rate(0.001);
            for mut embedding in pair(&EmbeddingConfig::new(3, 1).with_initializer(Initializer::Ones), &adam) {
                let what = format!("{large:e} on {}, {adam:?}", embedding.context());
                // Row 0 misses two steps, which Dense and Deferred make, and Lazy does not.
                let mut gradients = vec![];
                for (row, g) in [(0, large), (1, 1.0), (1, 1.0), (0, 1.0)] {
                    let batch = embedding.batch(&[row]).unwrap();
                    embedding.update(&batch, &[g]).unwrap();
                    gradients.push(if row == 0 { g } else { 0.0 });
                    if adam.update == Update::Lazy {
                        continue;
                    }
                    let got = embedding.lookup(&embedding.batch(&[0]).unwrap()).unwrap().read().unwrap();
                    let exact = exact_weight(&adam, &gradients);
                    assert_close(&what, &got, &[exact as f32], |_| 16.0 * EPS * exact.abs().max(1.0));
                }
                let (weights, moments) = state(&embedding);
                let all = [weights, moments.first, moments.second.clone(), moments.largest.unwrap_or(moments.second)];
                assert!(all.iter().flatten().all(|value| value.is_finite()), "{what}: {all:?}");
            }
        }
    }
}

pub fn an_infinite_gradient_makes_its_own_weight_nan() {
    for update in [Update::Dense, Update::Lazy, Update::Deferred] {
        for mut embedding in pair(&EmbeddingConfig::new(3, 2), &Adam::pytorch().with_update(update)) {
            let batch = embedding.batch(&[1]).unwrap();
            embedding.update(&batch, &[f32::NEG_INFINITY, 1.0]).unwrap();
            let weights = embedding.weights().unwrap();
            for (element, value) in weights.iter().enumerate() {
                assert_eq!(value.is_nan(), element == 2, "{update:?} on {}: {weights:?}", embedding.context());
            }
        }
    }
}
