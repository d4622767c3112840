//! Whole trainings, on the GPU adapter.

use burn_wgpu_embedding::SharedDevice;
use classifier::Setting;
use classifier::corpus::Source;
use classifier::training::Network;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

use super::*;

/// Small, and with the built-in reviews.
fn arguments(neutral: bool) -> Arguments {
    let mut shared = classifier::arguments::Arguments::new(1500, 16);
    (shared.source, shared.epochs, shared.learning_rate) = (Source::BuiltIn { neutral }, 5, 0.01);
    Arguments { shared, dim: 16 }
}

/// Their figures, but for the time.
fn figures(epochs: &[Epoch]) -> Vec<[f64; 4]> {
    epochs.iter().map(|Epoch { train, test, .. }| [train.loss, train.accuracy, test.loss, test.accuracy]).collect()
}

#[test]
#[ignore = "needs a GPU adapter"]
fn it_learns_the_built_in_reviews_and_the_same_seed_gives_the_same_figures() {
    let mut arguments = arguments(false);
    let epochs = run(&arguments).unwrap();
    assert_eq!(epochs.len(), 5);
    let [first, last] = [epochs[0].train, epochs[4].train];
    assert!(last.accuracy > 0.95 && last.loss < 0.3 * first.loss, "{epochs:?}");
    assert!(epochs[4].test.accuracy > 0.7, "{epochs:?}");
    assert_eq!(figures(&run(&arguments).unwrap()), figures(&epochs));
    arguments.shared.seed = 2;
    assert_ne!(figures(&run(&arguments).unwrap()), figures(&epochs));
}

#[test]
#[ignore = "needs a GPU adapter"]
fn three_classes_are_learned_and_plotted() {
    let folder = tempfile::tempdir().unwrap();
    let mut arguments = arguments(true);
    arguments.shared.plots = Some(folder.path().join("plots"));
    arguments.shared.texts = vec!["A text of my own.".to_owned(), String::new()];
    let epochs = run(&arguments).unwrap();
    assert!(epochs[4].train.accuracy > 0.95, "{epochs:?}");
    // To know the neutral ones and guess at the others would be two thirds.
    assert!(epochs[4].test.accuracy > 0.68, "{epochs:?}");
    for name in ["loss.png", "accuracy.png", "words.png"] {
        let picture = std::fs::read(folder.path().join("plots").join(name)).unwrap();
        assert!(picture.starts_with(b"\x89PNG"), "{name}");
    }
}

#[test]
#[ignore = "needs a GPU adapter"]
fn parameters_are_counted_as_keras_counts_them() {
    let shared = SharedDevice::new().unwrap();
    for (outputs, last) in [(1, 129), (3, 387)] {
        let arguments = Arguments { shared: classifier::arguments::Arguments::new(10_000, 40), dim: 128 };
        let setting = Setting { shared: &shared, outputs };
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let network = TextClassifier::new(&setting, &arguments, &mut random).unwrap();
        let layers = network.layers(40);
        let counts: Vec<_> = layers.iter().map(|layer| layer.parameters).collect();
        assert_eq!(counts, [10_000 * 128, 0, 40 * 128 * 128 + 128, last]);
        assert!(layers.iter().all(|layer| layer.trainable));
        let shapes: Vec<_> = layers.iter().map(|layer| layer.output_shape.as_slice()).collect();
        assert_eq!(shapes, [&[40, 128][..], &[5120], &[128], &[outputs]]);
    }
}

#[test]
#[ignore = "needs a GPU adapter"]
fn a_loss_that_is_not_finite_is_an_error() {
    let mut arguments = arguments(false);
    arguments.shared.learning_rate = 1e30;
    let error = run(&arguments).unwrap_err().to_string();
    assert_eq!(error, "the loss is no finite number any more; give a lower --learning-rate");
}

#[test]
#[ignore = "needs a GPU adapter"]
fn what_the_device_cannot_hold_is_an_error() {
    let mut arguments = arguments(false);
    (arguments.shared.length, arguments.dim) = (4096, 4096);
    let error = run(&arguments).unwrap_err().to_string();
    assert!(error.starts_with("a batch's rows would be 64 x 4096 x 4096 floats"), "{error}");
    arguments.shared.batch_size = 1;
    let error = run(&arguments).unwrap_err().to_string();
    assert!(error.starts_with("the hidden layer's weights would be 4096 x 4096 x 128 floats"), "{error}");
}

#[test]
#[ignore = "needs a GPU adapter"]
fn a_high_output_is_the_second_class() {
    let shared = burn_wgpu_embedding::SharedDevice::new().unwrap();
    let logits = burn::tensor::Tensor::<2>::from_floats([[3.0], [-1.0]], shared.device());
    let probabilities = classifier::training::Objective::Binary.probabilities(logits);
    let values: Vec<f32> = probabilities.try_into_vec_as().unwrap();
    for (value, expected) in values.iter().zip([0.047426, 0.952574, 0.731059, 0.268941]) {
        assert!((value - expected).abs() < 1e-5, "{values:?}");
    }
}
