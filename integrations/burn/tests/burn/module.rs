//! The layer as a field of a Burn module.

use burn::module::ParamId;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams};
use burn::prelude::*;
use burn_wgpu_embedding::SparseEmbedding;

use crate::support::*;

#[derive(Module, Debug)]
struct Model {
    embedding: SparseEmbedding,
    dense: Linear,
}

fn model() -> Model {
    Model { embedding: layer(), dense: LinearConfig::new(WIDTH, 1).init(&training_device()) }
}

#[test]
#[ignore = "needs a GPU adapter"]
fn its_parameters_are_counted_and_shown() {
    let model = model();
    assert_eq!(model.embedding.num_params(), ROWS as usize * WIDTH);
    assert_eq!(model.num_params(), ROWS as usize * WIDTH + WIDTH + 1);
    assert_eq!(
        model.embedding.to_string(),
        "SparseEmbedding {input_dim: 200, output_dim: 6, mask_zero: false, trainable: true, params: 1200}"
    );
    assert!(model.to_string().contains("params: 1207"), "{model}");
    assert_eq!(model.devices(), [shared().device().clone()]);
}

#[test]
#[ignore = "needs a GPU adapter"]
fn burns_optimizer_and_the_table_train_beside_each_other() {
    let mut model = model();
    let mut optimizer = AdamConfig::new().init();
    let indices = ints(&indices(40, 1), [8, 5]);
    let mut losses = Vec::new();
    for _ in 0..20 {
        let rows = model.embedding.forward(indices.clone()).unwrap();
        let loss = (model.dense.forward(rows) - 1.0).powi_scalar(2).mean();
        losses.push(loss.clone().into_scalar::<f32>());
        let mut gradients = loss.backward();
        model.embedding.update(&mut gradients).unwrap();
        let gradients = GradientsParams::from_grads(gradients, &model);
        // The dense layer's two, and none of the table's.
        assert_eq!(gradients.len(), 2);
        model = optimizer.step(0.05, model, gradients);
    }
    assert!(losses[19] < 0.1 * losses[0], "{losses:?}");
    assert_eq!(model.embedding.with_table(|table| table.step_count()), 20);
}

#[test]
#[ignore = "needs a GPU adapter"]
fn valid_looks_up_the_same_table_without_autodiff() {
    let model = model();
    let valid = model.valid();
    let plain = ints(&[1, 2, 3], [1, 3]).without_autodiff();
    for indices in [plain.clone(), ints(&[1, 2, 3], [1, 3])] {
        let rows = valid.embedding.forward(indices).unwrap();
        assert!(!rows.is_autodiff());
        valid.dense.forward(rows);
    }
    // Tracked by the model, not by where the indices come from; and after train() again.
    for trains in [model.clone(), valid.train()] {
        let rows = trains.embedding.forward(plain.clone()).unwrap();
        assert!(rows.is_tracked());
        trains.embedding.update(&mut trains.dense.forward(rows).sum().backward()).unwrap();
    }
    assert_eq!(model.embedding.with_table(|table| table.step_count()), 2);
}

#[test]
#[ignore = "needs a GPU adapter"]
fn its_record_is_the_crates_own() {
    let folder = tempfile::tempdir().unwrap();
    let model = model();
    let train = |layer: &SparseEmbedding, seed| {
        let output: Tensor<2> = layer.lookup(ints(&indices(30, seed), [30])).unwrap();
        layer.update(&mut output.powi_scalar(2).sum().backward()).unwrap();
    };
    train(&model.embedding, 1);
    // Burn's record holds the dense layer alone, and goes back into the model.
    let record = model.clone().into_record();
    let ids: Vec<ParamId> = vec![model.dense.weight.id, model.dense.bias.as_ref().unwrap().id];
    assert_eq!(ids.len(), 2);
    let model = model.load_record(record);

    let path = folder.path().join("table.safetensors");
    model.embedding.save(&path).unwrap();
    let loaded = SparseEmbedding::load(&shared(), &path).unwrap();
    for layer in [&model.embedding, &loaded] {
        train(layer, 2);
    }
    assert_eq!(loaded.with_table(|table| table.step_count()), 2);
    assert_same_bits("resumed", &weights(&loaded), &weights(&model.embedding));
}
