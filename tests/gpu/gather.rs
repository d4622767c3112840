use wgpu_embedding::kernels::WORKGROUP_SIZE;
use wgpu_embedding::{Adam, EmbeddingConfig, GpuEmbedding, reference};

use crate::support::*;

/// Rows that one workgroup gathers at this width: sizes around it are a cliff.
fn rows_per_workgroup(width: u32) -> usize {
    (WORKGROUP_SIZE / width.div_ceil(16)).max(1) as usize
}

/// Looks up into a poisoned buffer with room to spare, and holds it against the reference bit for bit.
fn check(embedding: &GpuEmbedding, weights: &[f32], indices: &[u32]) {
    let width = embedding.output_dim() as usize;
    let batch = embedding.batch(indices).unwrap();
    let spare = 37;
    let output = buffer(&vec![POISON; indices.len() * width + spare]);
    let mut encoder = encoder();
    embedding.record_lookup(&mut encoder, &batch, &output).unwrap();
    queue().submit([encoder.finish()]);
    let mut expected = reference::gather(weights, width, indices);
    expected.resize(expected.len() + spare, POISON);
    assert_same_bits(&format!("{} lookups of width {width}", indices.len()), &read(&output), &expected);
}

pub fn every_width_size_and_skew_copies_the_rows() {
    let input_dim = 500;
    for width in WIDTHS {
        let config = EmbeddingConfig::new(input_dim, width).with_seed(u64::from(width));
        let embedding = GpuEmbedding::new(&context(), config, Adam::default()).unwrap();
        let weights = embedding.weights().unwrap();
        let workgroup = rows_per_workgroup(width);
        for count in [0, 1, 63, 64, 65, workgroup - 1, workgroup, workgroup + 1, 2 * workgroup + 1] {
            for skew in SKEWS {
                check(&embedding, &weights, &indices(count, input_dim, skew, 1));
            }
        }
    }
}

pub fn any_shape_of_indices() {
    let config = EmbeddingConfig::new(50, 6);
    let embedding = GpuEmbedding::new(&context(), config, Adam::default()).unwrap();
    let weights = embedding.weights().unwrap();
    for shape in [vec![], vec![1], vec![24], vec![4, 6], vec![2, 3, 4], vec![2, 1, 3, 2, 2], vec![3, 0, 2]] {
        let values = indices(shape.iter().product(), 50, Skew::Uniform, 2);
        let output = embedding.lookup(&embedding.batch(&(&values, &shape)).unwrap()).unwrap();
        let mut expected_shape = shape.clone();
        expected_shape.push(6);
        assert_eq!(output.shape(), expected_shape);
        assert_same_bits("any shape", &output.read().unwrap(), &reference::gather(&weights, 6, &values));
    }
}

pub fn a_grid_past_one_dimension() {
    // 65,535 workgroups of 256 lookups each, and one lookup more; GPU-resident, so that nobody sorts 16 million.
    let count = 65_535 * WORKGROUP_SIZE as usize + 1;
    let config = EmbeddingConfig::new(1_000, 1);
    let embedding = GpuEmbedding::new(&context(), config, Adam::default()).unwrap();
    let weights = embedding.weights().unwrap();
    let values = indices(count, 1_000, Skew::Uniform, 3);
    let batch = embedding.batch_from_buffer(&buffer(&values), &[count]).unwrap();
    let output = embedding.lookup(&batch).unwrap().read().unwrap();
    assert_same_bits("a folded grid", &output, &reference::gather(&weights, 1, &values));
}

pub fn split_tables_give_the_same_rows() {
    for width in [1, 5, 64] {
        let config = EmbeddingConfig::new(1_000, width).with_seed(4);
        let weights = GpuEmbedding::new(&context(), config.clone(), Adam::default()).unwrap().weights().unwrap();
        // Of the smallest shards there can be, and of larger ones with a short last shard.
        for rows in [64, 192] {
            let bytes = rows * u64::from(width.div_ceil(4)) * 16;
            let split = config.clone().with_max_shard_bytes(bytes);
            let embedding = GpuEmbedding::new(&context(), split, Adam::default()).unwrap();
            assert_eq!(u64::from(embedding.shard_count()), 1_000u64.div_ceil(rows));
            assert_same_bits("split weights", &embedding.weights().unwrap(), &weights);
            let edges = [0, rows - 1, rows, rows + 1, 2 * rows - 1, 2 * rows, 999].map(|row| row as u32);
            check(&embedding, &weights, &edges);
            check(&embedding, &weights, &indices(777, 1_000, Skew::Zipf, 5));
        }
    }
}
