use wgpu_embedding::{Adam, EmbeddingConfig, Error, GpuEmbedding, Initializer, Neighbour, Search, Similarity};

use crate::support::*;

fn table(weights: Vec<f32>, width: usize) -> EmbeddingConfig {
    let rows = (weights.len() / width) as u32;
    let config = EmbeddingConfig::new(rows, width as u32).with_initializer(Initializer::Matrix(weights));
    config.with_trainable(false)
}

fn dot(k: usize) -> Search {
    Search::new(k).with_similarity(Similarity::Dot)
}

fn bits(found: &[Vec<Neighbour>]) -> Vec<Vec<(u32, u32)>> {
    found.iter().map(|list| list.iter().map(|best| (best.row, best.score.to_bits())).collect()).collect()
}

/// The GPU's answer, which must be the reference's bit for bit.
fn same(config: &EmbeddingConfig, queries: &[f32], search: &Search) -> Vec<Vec<Neighbour>> {
    let [found, expected] =
        pair(config, &Adam::default()).map(|embedding| embedding.nearest(queries, search).unwrap());
    assert_eq!(bits(&found), bits(&expected), "{} rows, {search:?}", config.input_dim);
    found
}

/// The same of cosines, whose division and square root may round as WGSL allows.
fn near(config: &EmbeddingConfig, queries: &[f32], search: &Search) -> Vec<Vec<Neighbour>> {
    let [found, expected] =
        pair(config, &Adam::default()).map(|embedding| embedding.nearest(queries, search).unwrap());
    for (found, expected) in found.iter().zip(&expected) {
        let rows = |list: &[Neighbour]| list.iter().map(|best| best.row).collect::<Vec<_>>();
        let scores = |list: &[Neighbour]| list.iter().map(|best| best.score).collect::<Vec<_>>();
        assert_eq!(rows(found), rows(expected));
        let expected = scores(expected);
        assert_close("cosines", &scores(found), &expected, |best| {
            7.0 * f64::from(f32::EPSILON * expected[best].abs())
        });
    }
    found
}

pub fn whole_numbers_agree_bit_for_bit() {
    // From groups of one row to more tiles of groups than one; whole numbers tie often.
    for (rows, ks) in [
        (1, &[0, 1, 2][..]),
        (63, &[1, 63, 64]),
        (64, &[1, 64]),
        (65, &[1, 2, 65]),
        (1_023, &[10, 511]),
        (1_025, &[10, 512, 513, 1_025, 2_000]),
        (64 * 512 + 1, &[1, 511, 512, 600]),
        (64 * 1024 + 65, &[1, 16, 17, 512, 1_100]),
    ] {
        let width = 5;
        let config = table(whole_numbers(rows * width, 1), width);
        let [gpu, reference] = pair(&config, &Adam::default());
        for (number, &k) in ks.iter().enumerate() {
            for count in [0, 1, 3, 4, 5] {
                let queries = whole_numbers(count * width, 10 + number as u64);
                let [found, expected] =
                    [&gpu, &reference].map(|embedding| embedding.nearest(&queries, &dot(k)).unwrap());
                assert_eq!(found.len(), count);
                assert!(found.iter().all(|list| list.len() == k.min(rows)));
                assert_eq!(bits(&found), bits(&expected), "{rows} rows, the {k} nearest to {count} queries");
            }
        }
    }
}

pub fn every_width_agrees_with_f64() {
    for width in WIDTHS.map(|width| width as usize) {
        let rows = 700;
        let weights = fractions(rows * width, 3);
        let queries = fractions(6 * width, 4);
        for similarity in [Similarity::Cosine, Similarity::Dot] {
            let search = Search::new(rows).with_similarity(similarity);
            for embedding in pair(&table(weights.clone(), width), &Adam::default()) {
                let found = embedding.nearest(&queries, &search).unwrap();
                for (query, found) in queries.chunks_exact(width).zip(&found) {
                    check_against_f64(&weights, query, found, similarity);
                }
            }
        }
    }
}

/// All rows, each once, in falling order of scores that are close to those of f64.
fn check_against_f64(weights: &[f32], query: &[f32], found: &[Neighbour], similarity: Similarity) {
    let width = query.len();
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    assert!(found.windows(2).all(|pair| pair[0].score >= pair[1].score));
    let mut rows: Vec<_> = found.iter().map(|best| best.row).collect();
    rows.sort_unstable();
    assert!(rows.iter().copied().eq(0..(weights.len() / width) as u32), "each row once");
    for best in found {
        let row = &weights[best.row as usize * width..][..width];
        let lengths = (product(row, row) * product(query, query)).sqrt();
        let (expected, bound) = match similarity {
            Similarity::Cosine => (product(row, query) / lengths, 1e-6),
            Similarity::Dot => (product(row, query), 1e-6 * lengths),
        };
        let error = (f64::from(best.score) - expected).abs();
        assert!(error <= bound, "row {} of width {width}: {} for {expected}", best.row, best.score);
    }
}

pub fn any_split_gives_the_same_bits() {
    let width = 6;
    let weights = fractions(5_000 * width, 5);
    let queries = fractions(9 * width, 6);
    let config = table(weights, width);
    let search = Search::new(700).with_excluded(&[1, 64, 4_999]);
    let found = |config: &EmbeddingConfig, queries: &[f32], search: &Search| {
        let embedding = GpuEmbedding::new(&context(), config.clone(), Adam::default()).unwrap();
        bits(&embedding.nearest(queries, search).unwrap())
    };
    let whole = found(&config, &queries, &search);
    assert_eq!(found(&config, &queries, &search), whole);
    for rows in [64, 192, 4_992] {
        assert_eq!(
            found(&config.clone().with_max_shard_bytes(rows * 32), &queries, &search),
            whole,
            "{rows} a shard"
        );
    }
    let one_by_one: Vec<_> = queries.chunks_exact(width).flat_map(|query| found(&config, query, &search)).collect();
    assert_eq!(one_by_one, whole);
}

pub fn more_rows_than_a_piece() {
    let rows = (1 << 20) + 100;
    let config = table(whole_numbers(rows, 7), 1);
    let found = same(&config, &[1.0, -3.0], &dot(20));
    assert_eq!(found[0].len(), 20);
    // Ranges that start and end within a piece, and one of no rows.
    for range in [5..6, 1_000..(1 << 20) + 50, (1 << 20) + 7..(1 << 20) + 100, 9..9] {
        let found = same(&config, &[2.0], &dot(600).with_rows(range.clone()));
        assert!(found[0].iter().all(|best| range.contains(&best.row)));
        assert_eq!(found[0].len(), range.len().min(600));
    }
}

pub fn more_queries_than_fit_at_once() {
    let config = table(whole_numbers(300 * 3, 8), 3);
    let queries = whole_numbers(1_031 * 3, 9);
    let own: Vec<Vec<u32>> = (0..1_031).map(|query| vec![query % 300, (query + 7) % 300, query % 300]).collect();
    let found = same(&config, &queries, &dot(4).with_excluded(&[3, 3]).with_excluded_of_each(own.clone()));
    for (list, own) in found.iter().zip(&own) {
        assert!(list.len() == 4 && list.iter().all(|best| best.row != 3 && !own.contains(&best.row)));
    }
}

pub fn rows_excluded_are_made_up_for() {
    let config = table(whole_numbers(2_000 * 2, 10), 2);
    let every_second: Vec<u32> = (0..2_000).step_by(2).collect();
    let found = same(&config, &[1.0, 2.0], &dot(2_000).with_excluded(&every_second));
    assert_eq!(found[0].len(), 1_000);
    let all: Vec<u32> = (0..2_000).collect();
    assert_eq!(same(&config, &[1.0, 2.0], &dot(5).with_excluded(&all)), [vec![]]);
    // One query has nothing left and the others all.
    let own = vec![vec![], all, vec![5]];
    let found = same(&config, &[1.0, 2.0, 1.0, 2.0, 1.0, 2.0], &dot(1_999).with_excluded_of_each(own));
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [1_999, 0, 1_999]);
}

pub fn odd_numbers_have_their_places() {
    let rows = [1.0, f32::NAN, -1.0, 0.0, f32::INFINITY, -0.0, f32::NEG_INFINITY, 2.0, f32::MIN_POSITIVE];
    let order = |query: f32, search: Search| -> Vec<u32> {
        let mut found = pair(&table(rows.to_vec(), 1), &Adam::default())
            .map(|embedding| embedding.nearest(&[query], &search).unwrap().remove(0));
        // The sign of a NaN is anybody's.
        for best in found.iter_mut().flatten().filter(|best| best.score.is_nan()) {
            best.score = f32::NAN;
        }
        assert_eq!(bits(&[found[0].clone()]), bits(&[found[1].clone()]));
        found[0].iter().map(|best| best.row).collect()
    };
    assert_eq!(order(1.0, dot(9)), [4, 7, 0, 8, 3, 5, 2, 6, 1]);
    assert_eq!(order(-1.0, dot(9)), [6, 2, 3, 5, 8, 0, 7, 4, 1]);
    assert_eq!(order(1.0, dot(8)).len(), 8);

    // Rows without length, and a query without: cosine 0, and so the lowest rows first.
    let flat = table(vec![0.0, 0.0, -1.0, -1.0, 0.0, 0.0, 3.0, 4.0], 2);
    let rows = |query: [f32; 2]| -> Vec<u32> {
        near(&flat, &query, &Search::new(4))[0].iter().map(|best| best.row).collect()
    };
    assert_eq!(rows([0.0, 0.0]), [0, 1, 2, 3]);
    assert_eq!(rows([0.0, 5.0]), [3, 0, 2, 1]);
    // A cosine of -0, from what is too small for f32, is that of +0.
    let small = table(vec![1e10, -1e-37, 0.0, 0.0], 2);
    let found = &same(&small, &[0.0, 1.0], &Search::new(2))[0];
    assert_eq!(found.iter().map(|best| best.row).collect::<Vec<_>>(), [0, 1]);
}

pub fn it_sees_what_dense_adam_would_have() {
    let config = EmbeddingConfig::new(300, 8).with_seed(11);
    let mut embedding =
        GpuEmbedding::new(&context(), config.clone(), Adam::default().with_learning_rate(0.05)).unwrap();
    for step in 0..40 {
        let batch = embedding.batch(&indices(20, 300, Skew::Zipf, step)).unwrap();
        embedding.update(&batch, &fractions(20 * 8, step)).unwrap();
    }
    let queries = fractions(8, 12);
    let found = embedding.nearest(&queries, &Search::new(300)).unwrap();
    let frozen = table(embedding.weights().unwrap(), 8);
    let expected = GpuEmbedding::new(&context(), frozen, Adam::default()).unwrap();
    assert_eq!(bits(&found), bits(&expected.nearest(&queries, &Search::new(300)).unwrap()));
    let asynchronous = pollster::block_on(embedding.nearest_async(&queries, &Search::new(300))).unwrap();
    assert_eq!(bits(&found), bits(&asynchronous));
}

pub fn bad_searches_are_named() {
    for embedding in pair(&EmbeddingConfig::new(10, 3), &Adam::default()) {
        let error = |queries: &[f32], search: Search| embedding.nearest(queries, &search).unwrap_err();
        assert!(matches!(error(&[1.0; 4], Search::new(1)), Error::Shape { what: "the queries", .. }));
        let lists = Search::new(1).with_excluded_of_each(vec![vec![]; 2]);
        assert!(matches!(error(&[1.0; 3], lists), Error::Shape { what: "the rows to leave out", .. }));
        let infinite = error(&[1.0, f32::INFINITY, 1.0], Search::new(1));
        assert_eq!(infinite.to_string(), "the queries must be finite, and hold inf at position 1");
        let outside = error(&[1.0; 3], Search::new(1).with_excluded(&[2, 10]));
        assert_eq!(outside, Error::IndexOutOfRange { position: 1, value: 10, input_dim: 10 });
        assert!(matches!(error(&[1.0; 3], Search::new(1).with_rows(3..11)), Error::InvalidConfig(_)));
        #[allow(clippy::reversed_empty_ranges)]
        let reversed = Search::new(1).with_rows(3..2);
        assert!(matches!(error(&[1.0; 3], reversed), Error::InvalidConfig(_)));
    }
}

pub fn many_queries_of_a_table_of_many_shards() {
    let config = table(whole_numbers(5_000 * 6, 13), 6);
    let queries = whole_numbers(512 * 6, 14);
    let whole = GpuEmbedding::new(&context(), config.clone(), Adam::default()).unwrap();
    let split = GpuEmbedding::new(&context(), config.with_max_shard_bytes(64 * 32), Adam::default()).unwrap();
    assert!(split.shard_count() > 64);
    let [whole, split] = [whole, split].map(|embedding| bits(&embedding.nearest(&queries, &dot(512)).unwrap()));
    assert_eq!(whole, split);
}

pub fn rows_wider_than_a_loop_are_refused() {
    let width = 240_004;
    let [gpu, reference] = pair(&table(vec![1.0; 2 * width], width), &Adam::default());
    let query = vec![1.0; width];
    assert!(matches!(gpu.nearest(&query, &dot(1)), Err(Error::Shape { what: "the table to look in", .. })));
    assert_eq!(reference.nearest(&query, &dot(1)).unwrap()[0][0].row, 0);
    let widest = GpuEmbedding::new(&context(), table(vec![1.0; 2 * 240_000], 240_000), Adam::default()).unwrap();
    assert_eq!(widest.nearest(&query[..240_000], &dot(1)).unwrap()[0][0].score, 240_000.0);
}
