use std::sync::Arc;

use wgpu_embedding::{Adam, EmbeddingConfig, GpuContext, Initializer};

use super::*;
use crate::blocks::{Batch, Batches, Settings};
use crate::corpus::Corpus;
use crate::sampling::Sampling;

const NEGATIVE: u32 = 5;

/// Batches of a text whose sentences have these many words.
fn batches(lengths: &[usize], window: usize, blocks: usize) -> (u32, Vec<Batch>) {
    let sentence = |(number, &length): (usize, &usize)| -> String {
        (0..length).map(|word| format!("{} ", (word * 7 + number * word) % 40)).chain(["\n".to_owned()]).collect()
    };
    let text: String = lengths.iter().enumerate().map(sentence).collect();
    let corpus = Arc::new(Corpus::from_lines("test", text.as_bytes(), false, 1).unwrap());
    let sampling = Arc::new(Sampling::new(&corpus.counts, 0.0));
    let words = corpus.words.len() as u32;
    (words, Batches::new(corpus, sampling, Settings { window, blocks, seed: 3 }, 0).collect())
}

fn tables(context: &GpuContext, words: u32, dim: u32) -> Tables {
    // Scores of a few units, whatever the width.
    let bound = 2.0 / (dim as f32).powf(0.25);
    let table = |seed| {
        let config = EmbeddingConfig::new(words, dim).with_seed(seed);
        let config = config.with_initializer(Initializer::Uniform { low: -bound, high: bound });
        GpuEmbedding::new(context, config, Adam::default()).unwrap()
    };
    Tables { input: table(1), output: table(2) }
}

fn prepared(batch: &Batch, tables: &Tables) -> Prepared {
    Prepared {
        inputs: tables.input.batch(&batch.inputs).unwrap(),
        outputs: tables.output.batch(&batch.outputs).unwrap(),
        layout: batch.layout.clone(),
    }
}

/// Fails for NaN.
fn assert_close(what: &str, computed: &[f32], expected: &[f32], bound: f32) {
    assert_eq!(computed.len(), expected.len(), "{what}");
    for (index, (computed, expected)) in computed.iter().zip(expected).enumerate() {
        assert!((computed - expected).abs() <= bound, "{what}, {index}: {computed} and {expected}");
    }
}

#[test]
#[should_panic(expected = "0: NaN and 0")]
fn the_comparison_can_fail() {
    assert_close("this", &[f32::NAN], &[0.0], 1.0);
}

#[test]
#[ignore = "needs a GPU adapter: cargo test --example word2vec -- --include-ignored"]
fn the_gpu_agrees_with_the_reference() {
    let context = GpuContext::gpu().unwrap_or_else(|error| panic!("{error}"));
    // Blocks of 1, 31, 32 and 33 targets, of the fewest inputs, 2, and of the most.
    let texts: [&[usize]; 4] = [&[2], &[31, 2], &[32, 33, 32], &[200, 3, 40, 2]];
    for (dim, window) in [(1, 5), (2, 1), (3, 16), (4, 2), (5, 5), (100, 5), (128, 16), (132, 3), (300, 7), (12, 100)]
    {
        for lengths in texts {
            let (words, batches) = batches(lengths, window, 4);
            let shape = Shape { dim, window, negative: NEGATIVE, blocks: 4 };
            let mut model = GpuModel::new(tables(&context, words, dim as u32), shape).unwrap();
            for batch in &batches {
                let what = format!("dim {dim}, window {window}, sentences {lengths:?}");
                let rows = |table: &GpuEmbedding, words: &[u32]| table.rows(words).unwrap();
                let (x, y) =
                    (rows(&model.tables().input, &batch.inputs), rows(&model.tables().output, &batch.outputs));
                let expected =
                    reference::pairs(&reference::Rows { dim, inputs: &x, outputs: &y }, &batch.layout, NEGATIVE);
                let prepared = prepared(batch, model.tables());
                model.poison().unwrap();
                model.train(&prepared).unwrap();
                let (inputs, outputs) = model.gradients(batch.inputs.len(), batch.outputs.len()).unwrap();
                // Sums of up to 64 * 2 terms, each below 2 * 5 / 16 * 32 in all.
                assert_close(&format!("{what}: inputs"), &inputs, &expected.inputs, 1e-4);
                assert_close(&format!("{what}: outputs"), &outputs, &expected.outputs, 1e-4);
                let loss = model.take_loss().unwrap();
                let expected = expected.losses.iter().copied().map(f64::from).sum::<f64>();
                assert!((loss - expected).abs() < 1e-5 * expected, "{what}: {loss} and {expected}");
            }
        }
    }
}

#[test]
#[ignore = "needs a GPU adapter: cargo test --example word2vec -- --include-ignored"]
fn a_nan_stays_in_its_block() {
    let context = GpuContext::gpu().unwrap_or_else(|error| panic!("{error}"));
    let (words, batches) = batches(&[32, 32], 3, 2);
    let [batch] = &batches[..] else { panic!("one batch") };
    let [_, second] = batch.layout.blocks[..] else { panic!("two blocks") };
    let of_second = |word: &u32| batch.inputs[second.first_input as usize..].contains(word);
    let row = *batch.inputs.iter().find(|word| !of_second(word)).unwrap() as usize;
    let dim = 8;
    let mut tables = tables(&context, words, dim as u32);
    let mut weights = tables.input.weights().unwrap();
    weights[row * dim] = f32::NAN;
    tables.input.set_weights(&weights).unwrap();
    let mut model = GpuModel::new(tables, Shape { dim, window: 3, negative: NEGATIVE, blocks: 2 }).unwrap();
    let prepared = prepared(batch, model.tables());
    model.train(&prepared).unwrap();
    let (inputs, outputs) = model.gradients(batch.inputs.len(), batch.outputs.len()).unwrap();
    let [inputs, outputs] = [(inputs, second.first_input), (outputs, second.first_output)].map(|(rows, first)| {
        let is_nan = |row: &[f32]| row.iter().any(|value| value.is_nan());
        let nans: Vec<_> = rows.chunks(dim).map(is_nan).collect();
        assert!(!nans[first as usize..].contains(&true));
        nans
    });
    // It is seen, and not taken for a score of 0.
    assert!(inputs.contains(&true) && outputs.contains(&true));
    assert!(model.take_loss().unwrap().is_nan());
}

#[test]
#[ignore = "needs a GPU adapter: cargo test --example word2vec -- --include-ignored"]
fn losses_are_read_when_there_is_no_room_for_more() {
    let context = GpuContext::gpu().unwrap_or_else(|error| panic!("{error}"));
    let (words, batches) = batches(&[90, 90], 2, 2);
    let shape = Shape { dim: 4, window: 2, negative: NEGATIVE, blocks: 2 };
    let loss = |max_losses| {
        let mut model = GpuModel::new(tables(&context, words, 4), shape).unwrap();
        model.limit_losses(max_losses);
        for batch in &batches {
            let prepared = prepared(batch, model.tables());
            model.train(&prepared).unwrap();
        }
        model.take_loss().unwrap()
    };
    assert_eq!(loss(2), loss(1_000));
    assert!(loss(2) > 0.0);
}
