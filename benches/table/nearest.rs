//! The case of the nearest rows: from the queries on the host to their neighbours on the host.

use std::time::{Duration, Instant};

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use wgpu_embedding::{Adam, EmbeddingConfig, GpuContext, GpuEmbedding, Neighbour, Search, reference};

use crate::cases::Case;

/// As many and as wide as GloVe's word vectors are.
const ROWS: u32 = 400_000;
const WIDTH: u32 = 100;
const K: usize = 10;

pub struct NearestCase {
    embedding: GpuEmbedding,
    queries: Vec<f32>,
}

impl NearestCase {
    pub fn new(context: &GpuContext, query_count: usize) -> Self {
        let config = EmbeddingConfig::new(ROWS, WIDTH).with_trainable(false);
        let embedding = GpuEmbedding::new(context, config, Adam::default()).expect("a table");
        let mut generator = ChaCha8Rng::seed_from_u64(7);
        let queries = (0..query_count * WIDTH as usize).map(|_| generator.random_range(-1.0..1.0)).collect();
        let case = Self { embedding, queries };
        case.check();
        case
    }

    fn nearest(&self) -> Vec<Vec<Neighbour>> {
        self.embedding.nearest(&self.queries, &Search::new(K)).expect("neighbours")
    }

    /// Holds the first query's answer against the reference, before anything is timed.
    fn check(&self) {
        let weights = self.embedding.weights().expect("weights");
        let query = &self.queries[..WIDTH as usize];
        let length = query.iter().map(|value| value * value).sum::<f32>().sqrt();
        let direction: Vec<f32> = query.iter().map(|value| value / length).collect();
        let scores = reference::similarity(&weights, WIDTH as usize, &direction, true);
        let expected = reference::top_k(&scores, K, &[]);
        let found = self.nearest().remove(0);
        assert_eq!(found.len(), expected.len());
        for (found, (row, score)) in found.iter().zip(expected) {
            assert!(found.row == row && (found.score - score).abs() < 1e-6, "{found:?} for row {row}, {score}");
        }
    }
}

impl Case for NearestCase {
    fn name(&self) -> String {
        format!("nearest {K} to {}, V = {ROWS}, D = {WIDTH}", self.queries.len() / WIDTH as usize)
    }

    fn side(&self) -> &'static str {
        if self.embedding.context().device().is_some() { "gpu" } else { "reference" }
    }

    /// The table, once.
    fn bytes(&self) -> u64 {
        u64::from(ROWS) * u64::from(WIDTH) * 4
    }

    fn time(&mut self, count: u64) -> Duration {
        let start = Instant::now();
        for _ in 0..count {
            std::hint::black_box(self.nearest());
        }
        start.elapsed()
    }
}
