use wgpu_embedding::{Adam, EmbeddingConfig, Error, GpuEmbedding, Initializer};

use crate::support::*;

pub fn tables_start_equal_on_both_sides() {
    let matrix: Vec<f32> = fractions(90 * 7, 1);
    let initializers = [
        Initializer::default(),
        Initializer::Normal { mean: 0.1, stddev: 0.05 },
        Initializer::TruncatedNormal { mean: 0.0, stddev: 0.05 },
        Initializer::GlorotUniform,
        Initializer::GlorotNormal,
        Initializer::HeUniform,
        Initializer::HeNormal,
        Initializer::Constant(0.5),
        Initializer::Zeros,
        Initializer::Ones,
        Initializer::Matrix(matrix),
    ];
    for initializer in initializers {
        for config in [EmbeddingConfig::new(90, 7), EmbeddingConfig::new(90, 7).with_max_shard_bytes(64 * 32)] {
            let config = config.with_initializer(initializer.clone()).with_padding_idx(3).with_seed(5);
            let [gpu, reference] = pair(&config, &Adam::default());
            assert_same_bits(&format!("{initializer:?}"), &gpu.weights().unwrap(), &reference.weights().unwrap());
        }
    }
}

pub fn weights_go_in_and_come_out() {
    for config in [EmbeddingConfig::new(90, 5), EmbeddingConfig::new(90, 5).with_max_shard_bytes(64 * 32)] {
        for mut embedding in pair(&config.with_trainable(false), &Adam::default()) {
            let weights = fractions(90 * 5, 2);
            embedding.set_weights(&weights).unwrap();
            assert_same_bits("set and read", &embedding.weights().unwrap(), &weights);
            for wrong in [0, 449, 451] {
                let error = embedding.set_weights(&vec![0.0; wrong]).unwrap_err();
                assert!(matches!(error, Error::Shape { what: "the weights", .. }));
            }
            assert_same_bits("after an error", &embedding.weights().unwrap(), &weights);
        }
    }
    // Keras keeps the optimizer's state when weights are set.
    for mut embedding in pair(&EmbeddingConfig::new(4, 2), &Adam::default()) {
        let batch = embedding.batch(&[1]).unwrap();
        embedding.update(&batch, &[1.0, 1.0]).unwrap();
        let before = moments(&embedding);
        embedding.set_weights(&[0.0; 8]).unwrap();
        assert_eq!((moments(&embedding), embedding.step_count()), (before, 1));
    }
}

pub fn rows_are_read_by_number() {
    for embedding in pair(&EmbeddingConfig::new(50, 3).with_input_length(9), &Adam::default()) {
        let weights = embedding.weights().unwrap();
        let rows = embedding.rows(&[7usize, 0, 49, 7]).unwrap();
        let expected: Vec<f32> = [7, 0, 49, 7].iter().flat_map(|row| weights[row * 3..][..3].to_vec()).collect();
        assert_same_bits("rows", &rows, &expected);
        assert_eq!(embedding.rows::<u32>(&[]).unwrap(), [0.0; 0]);
        let error = embedding.rows(&[3, 50]).unwrap_err();
        assert_eq!(error, Error::IndexOutOfRange { position: 1, value: 50, input_dim: 50 });
    }
}

pub fn masks_follow_keras() {
    for embedding in pair(&EmbeddingConfig::new(50, 3).with_mask_zero(true), &Adam::default()) {
        let batch = embedding.batch(&[[0, 3], [1, 0]]).unwrap();
        assert_eq!(embedding.mask(&batch).unwrap(), Some(vec![false, true, true, false]));
    }
    for mut embedding in pair(&EmbeddingConfig::new(50, 3), &Adam::default()) {
        let batch = embedding.batch(&[0, 3]).unwrap();
        assert_eq!(embedding.mask(&batch).unwrap(), None);
        // mask_zero or not, row 0 trains, as in Keras.
        let before = embedding.rows(&[0]).unwrap();
        embedding.update(&batch, &[1.0; 6]).unwrap();
        assert_ne!(embedding.rows(&[0]).unwrap(), before);
    }
}

pub fn async_forms_give_the_same() {
    for config in [EmbeddingConfig::new(50, 3).with_mask_zero(true)] {
        for mut embedding in pair(&config, &Adam::default().with_amsgrad(true)) {
            let batch = embedding.batch(&[1, 0, 2]).unwrap();
            let output = embedding.lookup(&batch).unwrap();
            embedding.update(&batch, &output).unwrap();
            pollster::block_on(async {
                assert_eq!(embedding.weights_async().await, embedding.weights());
                assert_eq!(embedding.state_async("exp_avg").await, embedding.state("exp_avg"));
                assert_eq!(embedding.rows_async(&[2]).await, embedding.rows(&[2]));
                assert_eq!(embedding.mask_async(&batch).await, embedding.mask(&batch));
                assert_eq!(embedding.check_async().await, embedding.check());
                assert_eq!(output.read_async().await, output.read());
            });
        }
    }
}

/// Used by the type system alone: tables, batches and streams may be sent to another thread.
#[expect(dead_code, reason = "it is enough that it compiles")]
fn they_can_be_sent(embedding: GpuEmbedding) -> impl Send + Sync {
    fn send_and_sync<T: Send + Sync>(value: T) -> T {
        value
    }
    send_and_sync(embedding)
}
