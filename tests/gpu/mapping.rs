//! However threads share a table's rows, its bits are the same: what GPUs run is tested here on whatever adapter there is.

use wgpu_embedding::{
    Adam, Clipping, EmbeddingConfig, GpuContext, GpuEmbedding, Mapping, Optimizer, RowWiseAdagrad, RowWiseAdam,
    Search, Similarity, Storage, Update,
};

use crate::support::*;

const MAPPINGS: [Mapping; 2] = [Mapping::Gpu, Mapping::Cpu];

const INPUT_DIM: u32 = 700;

fn contexts() -> [GpuContext; 2] {
    MAPPINGS.map(|mapping| context().with_mapping(mapping))
}

/// Lookups of each skew, with runs shorter and longer than a chunk, and gaps between a row's updates.
fn trained(context: &GpuContext, config: &EmbeddingConfig, optimizer: Optimizer) -> Vec<Vec<f32>> {
    let mut embedding = GpuEmbedding::new(context, config.clone(), optimizer).unwrap();
    let mut seen = Vec::new();
    for (step, count) in (0u64..).zip([300, 1, 3, 600, 64, 65, 5]) {
        let indices = indices(count, INPUT_DIM, SKEWS[step as usize % 3], step);
        let batch = embedding.batch(&indices).unwrap();
        seen.push(embedding.lookup(&batch).unwrap().read().unwrap());
        let gradient = fractions(count * config.output_dim as usize, step + 100);
        embedding.update(&batch, &gradient).unwrap();
    }
    let names = embedding.optimizer().state();
    seen.extend(names.into_iter().map(|array| embedding.state(array.name).unwrap()));
    seen.push(embedding.weights().unwrap());
    seen
}

fn assert_same_on_both(config: &EmbeddingConfig, optimizer: impl Into<Optimizer>) {
    let optimizer = optimizer.into();
    let [gpu, cpu] = contexts().map(|context| trained(&context, config, optimizer));
    for (number, (gpu, cpu)) in gpu.iter().zip(&cpu).enumerate() {
        let width = config.output_dim;
        assert_same_bits(&format!("{width} floats, {}, {optimizer:?}: array {number}", config.input_dim), gpu, cpu);
    }
}

pub fn tables_of_every_width_have_the_same_bits() {
    for width in WIDTHS {
        let config = EmbeddingConfig::new(INPUT_DIM, width).with_seed(width.into());
        assert_same_on_both(&config, Adam::default());
        assert_same_on_both(&config, RowWiseAdagrad::default());
    }
}

pub fn split_tables_have_the_same_bits() {
    for width in [5, 64, 300] {
        let config =
            EmbeddingConfig::new(INPUT_DIM, width).with_max_shard_bytes(u64::from(width.div_ceil(4)) * 16 * 192);
        assert_same_on_both(&config, Adam::default());
    }
}

pub fn every_update_has_the_same_bits() {
    for width in [6, 64, 300] {
        let config = EmbeddingConfig::new(INPUT_DIM, width);
        for update in [Update::Dense, Update::Lazy] {
            assert_same_on_both(&config, Adam::pytorch().with_amsgrad(true).with_update(update));
        }
        assert_same_on_both(
            &config,
            RowWiseAdam::default().with_weight_decay(0.1).with_clipping(Clipping::Norm(0.5)),
        );
    }
}

/// Runs of a chunk's edges and of two levels of partial sums, summed by each mapping.
pub fn runs_of_every_length_have_the_same_bits() {
    for width in [3, 64, 100] {
        let config = EmbeddingConfig::new(INPUT_DIM, width).with_trainable(false);
        let lengths = [1usize, 2, 3, 4, 5, 6, 63, 64, 65, 66, 67, 68, 69, 129, 4_096, 4_097, 4_160, 4_161, 12_300];
        let indices: Vec<u32> =
            (0u32..).zip(lengths).flat_map(|(row, length)| std::iter::repeat_n(row * 3, length)).collect();
        let gradient = fractions(indices.len() * width as usize, 9);
        let [gpu, cpu] = contexts().map(|context| {
            let embedding = GpuEmbedding::new(&context, config.clone(), Adam::default()).unwrap();
            let batch = embedding.batch(&indices).unwrap();
            let rows = embedding.row_gradient(&batch, &gradient).unwrap();
            rows.sums.read().unwrap()
        });
        assert_same_bits(&format!("{width} floats"), &gpu, &cpu);
    }
}

/// On GPUs rows go through workgroup memory.
pub fn the_nearest_rows_have_the_same_scores() {
    for (width, storage) in [(1, Storage::F32), (6, Storage::F32), (64, Storage::F32), (300, Storage::Bf16)] {
        for (rows, queries) in [(255, 1), (256, 4), (257, 5), (3_000, 1), (3_000, 17)] {
            let config = EmbeddingConfig::new(rows, width).with_storage(storage).with_max_shard_bytes(1 << 20);
            let queries = fractions(queries * width as usize, 3);
            for similarity in [Similarity::Cosine, Similarity::Dot] {
                let search = Search::new(10).with_similarity(similarity);
                let [gpu, cpu] = contexts().map(|context| {
                    let table = GpuEmbedding::new(&context, config.clone(), Adam::default()).unwrap();
                    let found = table.nearest(&queries, &search).unwrap();
                    found.into_iter().flatten().map(|neighbour| neighbour.score).collect::<Vec<_>>()
                });
                // Each adds a row's products in the order of its elements, but a compiler may fuse them differently.
                assert_close("scores", &gpu, &cpu, |at| 4e-6 * f64::from(cpu[at].abs()).max(0.1));
            }
        }
    }
}

pub fn a_context_of_another_mapping_is_another_context() {
    let [gpu, cpu] = contexts();
    assert_ne!(gpu, cpu);
    let config = EmbeddingConfig::new(10, 4);
    let [gpu, cpu] = [gpu, cpu].map(|context| GpuEmbedding::new(&context, config.clone(), Adam::default()).unwrap());
    assert!(gpu.lookup(&cpu.batch(&[1u32, 2]).unwrap()).is_err());
    assert_eq!(GpuContext::reference().with_mapping(Mapping::Gpu), GpuContext::reference());
}
