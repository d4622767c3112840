//! The layer and its Adam against Burn's own.

use burn::module::Param;
use burn::nn::{Embedding, EmbeddingConfig as BurnEmbeddingConfig, Linear, LinearConfig};
use burn::optim::{AdamConfig, AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::prelude::*;
use burn_wgpu_embedding::SparseEmbedding;
use burn_wgpu_embedding::wgpu_embedding::{Adam, Initializer, Update};

use crate::support::*;

const STEPS: u64 = 50;
const BATCH: usize = 16;
const LENGTH: usize = 5;
const LEARNING_RATE: f64 = 0.01;

#[derive(Module, Debug)]
struct Dense {
    embedding: Embedding,
    linear: Linear,
}

#[derive(Module, Debug)]
struct Sparse {
    embedding: SparseEmbedding,
    linear: Linear,
}

fn loss(linear: &Linear, rows: Tensor<3>, step: u64) -> Tensor<1> {
    let target = floats(&fractions(BATCH, step + 1_000), [BATCH, 1]);
    let output = linear.forward(rows.flatten::<2>(1, 2)).tanh();
    (output - target).powi_scalar(2).mean()
}

/// Trains both from the same weights on the same batches, each with an optimizer of the same settings, and compares every
/// loss and the final weights.
fn compare(name: &str, optimizer: impl Fn() -> ModuleOptimizer, adam: Adam) {
    let device = training_device();
    let initial = fractions(ROWS as usize * WIDTH, 5);
    let linear = LinearConfig::new(LENGTH * WIDTH, 1).init(&device);
    let mut embedding = BurnEmbeddingConfig::new(ROWS as usize, WIDTH).init(&device);
    embedding.weight = Param::from_tensor(floats(&initial, [ROWS as usize, WIDTH]));
    let mut dense = Dense { embedding, linear: linear.clone() };
    let config = config().with_initializer(Initializer::Matrix(initial));
    let mut sparse = Sparse { embedding: SparseEmbedding::new(&shared(), config, adam).unwrap(), linear };

    let (mut for_dense, mut for_sparse) = (optimizer(), optimizer());
    for step in 0..STEPS {
        let indices = ints(&indices(BATCH * LENGTH, step), [BATCH, LENGTH]);
        let expected = loss(&dense.linear, dense.embedding.forward(indices.clone()), step);
        let given = loss(&sparse.linear, sparse.embedding.forward(indices).unwrap(), step);
        assert_close(&format!("{name}: loss {step}"), &read(&given), &read(&expected), 1e-5);

        let gradients = GradientsParams::from_grads(expected.backward(), &dense);
        dense = for_dense.step(LEARNING_RATE, dense, gradients);
        let mut gradients = given.backward();
        sparse.embedding.update(&mut gradients).unwrap();
        let gradients = GradientsParams::from_grads(gradients, &sparse);
        sparse = for_sparse.step(LEARNING_RATE, sparse, gradients);
    }
    let expected = read(&dense.embedding.weight.val());
    assert_close(&format!("{name}: table"), &weights(&sparse.embedding), &expected, 1e-5);
    let [given, expected] = [&sparse.linear, &dense.linear].map(|linear| read(&linear.weight.val()));
    assert_close(&format!("{name}: linear"), &given, &expected, 1e-5);
}

/// Burn keeps its settings in f32, and its Adam has PyTorch's form.
fn adam(beta_1: f32, beta_2: f32, epsilon: f32) -> Adam {
    Adam::pytorch()
        .with_learning_rate(LEARNING_RATE)
        .with_betas(beta_1.into(), beta_2.into())
        .with_epsilon(epsilon.into())
}

#[test]
#[ignore = "needs a GPU adapter"]
fn adam_is_burns_adam() {
    for update in [Update::Deferred, Update::Dense] {
        compare("Adam", || AdamConfig::new().init(), adam(0.9, 0.999, 1e-5).with_update(update));
    }
    let other = || AdamConfig::new().with_beta_1(0.8).with_beta_2(0.98).with_epsilon(1e-7).init();
    compare("other settings", other, adam(0.8, 0.98, 1e-7));
}

#[test]
#[ignore = "needs a GPU adapter"]
fn amsgrad_and_decay_are_burns() {
    compare("AMSGrad", || AdamConfig::new().with_amsgrad(true).init(), adam(0.9, 0.999, 1e-5).with_amsgrad(true));
    let decay = 0.1_f32;
    let adam = adam(0.9, 0.999, 1e-5).with_weight_decay(decay.into());
    compare("AdamW", || AdamWConfig::new().with_weight_decay(decay).init(), adam);
}

/// The comparison tells an optimizer that is not Burn's.
#[test]
#[ignore = "needs a GPU adapter"]
#[should_panic(expected = "lazy")]
fn lazy_updates_are_not_burns_adam() {
    compare("lazy", || AdamConfig::new().init(), adam(0.9, 0.999, 1e-5).with_update(Update::Lazy));
}
