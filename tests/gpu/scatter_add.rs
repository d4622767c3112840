use wgpu_embedding::{Adam, EmbeddingConfig, GpuEmbedding, reference};

use crate::support::*;

const EPS: f64 = f32::EPSILON as f64;

fn table(input_dim: u32, width: u32) -> GpuEmbedding {
    GpuEmbedding::new(&context(), EmbeddingConfig::new(input_dim, width), Adam::default()).unwrap()
}

/// The row sums of one batch, on the GPU and on the reference.
fn sums(embedding: &GpuEmbedding, indices: &[u32], gradient: &[f32]) -> (Vec<f32>, reference::RowSums) {
    let width = embedding.output_dim() as usize;
    let expected = reference::scatter_add(gradient, width, indices, |_| true);
    let got = embedding.row_gradient(&embedding.batch(indices).unwrap(), gradient_of(gradient)).unwrap();
    assert_eq!(got.rows, expected.rows);
    assert_eq!(got.sums.shape(), [expected.rows.len(), width]);
    (got.sums.read().unwrap(), expected)
}

fn gradient_of(values: &[f32]) -> &[f32] {
    values
}

pub fn whole_numbers_agree_bit_for_bit() {
    for width in WIDTHS {
        let embedding = table(200, width);
        for count in [0, 1, 2, 255, 256, 257, 1_000] {
            for skew in SKEWS {
                let indices = indices(count, 200, skew, 1);
                let gradient = whole_numbers(count * width as usize, 2);
                let (got, expected) = sums(&embedding, &indices, &gradient);
                assert_same_bits(&format!("{count} of width {width}, {skew:?}"), &got, &expected.sums);

                let batch = embedding.batch(&indices).unwrap();
                let dense = embedding.dense_gradient(&batch, &gradient).unwrap();
                assert_eq!(dense.shape(), [200, width as usize]);
                let expected = reference::dense_gradient(&expected, 200, width as usize);
                assert_same_bits("the dense gradient", &dense.read().unwrap(), &expected);
            }
        }
    }
}

pub fn fractions_agree_within_the_rounding_of_the_sum() {
    for width in WIDTHS {
        let embedding = table(100, width);
        for skew in SKEWS {
            let count = 700;
            let indices = indices(count, 100, skew, 3);
            let gradient = fractions(count * width as usize, 4);
            let (got, expected) = sums(&embedding, &indices, &gradient);
            // However it is added up, a sum of len terms is within len * eps * sum|g|.
            let magnitudes: Vec<f32> = gradient.iter().map(|g| g.abs()).collect();
            let magnitudes = reference::scatter_add(&magnitudes, width as usize, &indices, |_| true);
            let mut lengths = [0u32; 100];
            indices.iter().for_each(|&index| lengths[index as usize] += 1);
            assert_close("fractions", &got, &expected.sums, |element| {
                let length = lengths[expected.rows[element / width as usize] as usize];
                f64::from(length) * EPS * f64::from(magnitudes.sums[element])
            });
        }
    }
}

pub fn one_hot_row_of_every_level() {
    // One, two and three levels and their edges; the last has four.
    for count in [63, 64, 65, 128, 129, 4_095, 4_096, 4_097, 64 * 64 * 64 + 1] {
        let embedding = table(10, 3);
        let gradient = whole_numbers(count * 3, 5);
        let (got, expected) = sums(&embedding, &vec![7; count], &gradient);
        assert_same_bits(&format!("{count} lookups of one row"), &got, &expected.sums);
    }
}

pub fn sums_that_nearly_fill_a_binding() {
    // The scratch buffer grows by half, past the binding; 17 rows first, so that it does grow.
    let width = 1 << 18;
    let row_bytes = u64::from(width) * 4;
    let rows = (device().limits().max_storage_buffer_binding_size / row_bytes).min(128) as u32;
    let config = EmbeddingConfig::new(rows, width).with_trainable(false);
    let config = config.with_initializer(wgpu_embedding::Initializer::Zeros);
    let embedding = GpuEmbedding::new(&context(), config, Adam::default()).unwrap();
    for count in [17, rows] {
        let indices: Vec<u32> = (0..count).rev().collect();
        let gradient = whole_numbers((count * width) as usize, 9);
        let got = embedding.row_gradient(&embedding.batch(&indices).unwrap(), &gradient).unwrap();
        let got = got.sums.read().unwrap();
        let rows = gradient.chunks_exact(width as usize).rev();
        assert!(got.chunks_exact(width as usize).eq(rows), "{count} rows");
    }
}

pub fn two_runs_and_any_split_give_the_same_bits() {
    let (count, width) = (5_000, 20);
    let indices = indices(count, 300, Skew::Zipf, 6);
    let gradient = fractions(count * width, 7);
    let config = EmbeddingConfig::new(300, width as u32);
    let run = |config: EmbeddingConfig| {
        let embedding = GpuEmbedding::new(&new_context(), config, Adam::default()).unwrap();
        let batch = embedding.batch(&indices).unwrap();
        let rows = embedding.row_gradient(&batch, &gradient).unwrap().sums.read().unwrap();
        let dense = embedding.dense_gradient(&batch, &gradient).unwrap().read().unwrap();
        (bits(&rows), bits(&dense))
    };
    let first = run(config.clone());
    assert_eq!(first, run(config.clone()));
    assert_eq!(first, run(config.with_max_shard_bytes(64 * 80)));
}

pub fn padding_rows_get_no_gradient() {
    let config = EmbeddingConfig::new(10, 4).with_padding_idx(3);
    for mut embedding in pair(&config, &Adam::default()) {
        let before = embedding.weights().unwrap();
        let batch = embedding.batch(&[3, 1, 3, 3]).unwrap();
        assert_eq!(batch.unique_rows(), Some(&[1][..]));
        let gradient = embedding.row_gradient(&batch, &[1.0; 16]).unwrap();
        assert_eq!((gradient.rows, gradient.sums.read().unwrap()), (vec![1], vec![1.0; 4]));
        embedding.update(&batch, &[1.0; 16]).unwrap();
        let after = embedding.weights().unwrap();
        assert_eq!(before[..4], after[..4]);
        assert_ne!(before[4..8], after[4..8]);
        assert_eq!(before[8..], after[8..]);

        // A batch of nothing else has no rows, and is a step all the same.
        let padding = embedding.batch(&[3, 3]).unwrap();
        assert!(embedding.row_gradient(&padding, &[1.0; 8]).unwrap().rows.is_empty());
        embedding.update(&padding, &[1.0; 8]).unwrap();
        assert_eq!(embedding.step_count(), 2);
    }
}

pub fn a_nan_reaches_its_own_row_and_no_other() {
    let width = 5;
    let embedding = table(300, width as u32);
    // More than a chunk each, so that partial sums are side by side.
    let indices: Vec<u32> = (0..600).map(|i| i % 4 + 10).collect();
    let mut gradient = whole_numbers(600 * width, 8);
    gradient[201 * width + 2] = f32::NAN;
    gradient[302 * width + 4] = f32::INFINITY;
    let (got, expected) = sums(&embedding, &indices, &gradient);
    for (element, (got, expected)) in got.iter().zip(&expected.sums).enumerate() {
        assert_eq!(got.is_nan(), element == width + 2, "element {element} is {got}");
        assert_eq!(got.is_infinite(), element == 2 * width + 4, "element {element} is {got}");
        assert!(got.is_nan() || got == expected);
    }
}

pub fn threads_may_share_a_table() {
    let width = 6;
    let embedding = table(50, width as u32);
    std::thread::scope(|scope| {
        for thread in 0..3u64 {
            let embedding = &embedding;
            scope.spawn(move || {
                for round in 0..60 {
                    let indices = indices(100, 50, Skew::Uniform, thread * 1_000 + round);
                    let gradient = whole_numbers(100 * width, thread * 1_000 + round);
                    let (got, expected) = sums(embedding, &indices, &gradient);
                    assert_same_bits("threads", &got, &expected.sums);
                }
            });
        }
    });
}
