use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};
use wgpu_embedding::{Adam, EmbeddingConfig, GpuEmbedding, Update};

use crate::support::*;

/// Few cases, for each runs on a GPU; failing ones are printed, not written to files.
fn check<S: Strategy>(strategy: S, property: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config =
        Config { cases: 40, failure_persistence: Some(Box::new(FileFailurePersistence::Off)), ..Config::default() };
    TestRunner::new(config).run(&strategy, property).unwrap_or_else(|error| panic!("{error}"));
}

/// A width, and a batch of a table of 50 rows.
fn batches() -> impl Strategy<Value = (u32, Vec<u32>)> {
    (1u32..20, vec(prop_oneof![3 => 0u32..50, 1 => Just(7u32)], 1..300))
}

pub fn permuting_a_batch_permutes_the_output() {
    check((batches(), any::<u64>()), |((width, indices), seed)| {
        let embedding = GpuEmbedding::new(&context(), EmbeddingConfig::new(50, width), Adam::default()).unwrap();
        let width = width as usize;
        let mut order: Vec<usize> = (0..indices.len()).collect();
        order.sort_by_key(|&position| (position as u64).wrapping_mul(seed | 1));
        let permuted: Vec<u32> = order.iter().map(|&position| indices[position]).collect();
        let look_up = |indices: &[u32]| embedding.lookup(&embedding.batch(indices).unwrap()).unwrap().read().unwrap();
        let (output, permuted) = (look_up(&indices), look_up(&permuted));
        for (row, &position) in order.iter().enumerate() {
            prop_assert_eq!(&permuted[row * width..][..width], &output[position * width..][..width]);
        }
        Ok(())
    });
}

pub fn the_scattered_sum_is_the_sum_of_the_gradients() {
    check((batches(), any::<u64>()), |((width, indices), seed)| {
        let embedding = GpuEmbedding::new(&context(), EmbeddingConfig::new(50, width), Adam::default()).unwrap();
        let width = width as usize;
        let gradient = whole_numbers(indices.len() * width, seed);
        let sums = embedding.row_gradient(&embedding.batch(&indices).unwrap(), &gradient).unwrap();
        let sums = sums.sums.read().unwrap();
        for column in 0..width {
            let total = |values: &[f32]| values.iter().skip(column).step_by(width).sum::<f32>();
            prop_assert_eq!(total(&sums), total(&gradient));
        }
        Ok(())
    });
}

pub fn random_training_agrees_with_the_reference() {
    check((batches(), any::<u64>(), any::<bool>()), |((width, indices), seed, lazy)| {
        let update = if lazy { Update::Lazy } else { Update::Dense };
        let adam = Adam::default().with_update(update);
        let mut both = pair(&EmbeddingConfig::new(50, width).with_seed(seed), &adam);
        for embedding in &mut both {
            for step in 0..3 {
                let batch = embedding.batch(&indices).unwrap();
                let gradient = whole_numbers(indices.len() * width as usize, seed ^ step);
                embedding.update(&batch, &gradient).unwrap();
            }
        }
        let [gpu, reference] = both.map(|embedding| embedding.weights().unwrap());
        for (gpu, reference) in gpu.iter().zip(&reference) {
            // Three updates of at most 0.001 * 3.2 each, and a rounding of w: far below what a wrong rule would do.
            prop_assert!((gpu - reference).abs() <= 3e-7, "{} and {}", gpu, reference);
        }
        Ok(())
    });
}
