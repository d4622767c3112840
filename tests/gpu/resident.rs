//! Updates by indices that are on the GPU: bad ones, padding, none, and such that change.

use wgpu_embedding::{Adam, EmbeddingConfig, Error, GpuEmbedding, IndexBatch, Update};

use crate::support::*;

const INPUT_DIM: u32 = 130;
const PADDING: u32 = 4;

fn adams() -> Vec<Adam> {
    let updates = [Update::Deferred, Update::Dense, Update::Lazy];
    let adams = updates.map(|update| Adam::default().with_update(update));
    adams.into_iter().chain(adams.map(|adam| adam.with_amsgrad(true).with_weight_decay(0.1))).collect()
}

fn table(width: u32, adam: Adam) -> GpuEmbedding {
    let config = EmbeddingConfig::new(INPUT_DIM, width).with_padding_idx(PADDING).with_seed(5);
    // In shards, too.
    let config = if width == 5 { config.with_max_shard_bytes(64 * 32) } else { config };
    GpuEmbedding::new(&context(), config, adam).unwrap()
}

fn resident(embedding: &GpuEmbedding, indices: &[u32]) -> IndexBatch {
    embedding.batch_from_buffer(&buffer(indices), &[indices.len()]).unwrap()
}

fn state(embedding: &GpuEmbedding) -> [Vec<u32>; 4] {
    let moments = moments(embedding).unwrap();
    let largest = moments.largest.unwrap_or_default();
    [embedding.weights().unwrap(), moments.first, moments.second, largest].map(|values| bits(&values))
}

fn reported(result: Result<impl std::fmt::Debug, Error>) -> (u64, u32) {
    match result {
        Err(Error::GpuIndicesOutOfRange { count, first_position, input_dim: INPUT_DIM }) => (count, first_position),
        other => panic!("{other:?}"),
    }
}

/// Indices with a hot row, `bad` of them outside the table and some of the padding row; and without either.
fn with_and_without(step: u64, width: usize) -> [(Vec<u32>, Vec<f32>); 2] {
    // One tile of the sort, and more.
    let count = if step == 2 || step == 3 { 5_000 } else { 700 };
    let mut all = indices(count, INPUT_DIM, if step.is_multiple_of(2) { Skew::Uniform } else { Skew::Zipf }, step);
    for (position, row) in all.iter_mut().enumerate() {
        match position % 6 {
            // More than a chunk of each.
            1 if position > 100 => *row = INPUT_DIM,
            3 => *row = u32::MAX,
            4 => *row = PADDING,
            5 => *row = 9,
            _ => {}
        }
    }
    let gradient = fractions(count * width, step + 50);
    let valid = |row: u32| row < INPUT_DIM && row != PADDING;
    let good = all.iter().copied().filter(|&row| valid(row)).collect();
    let rows = gradient.chunks_exact(width).zip(&all).filter(|&(_, &row)| valid(row));
    let good_gradient = rows.flat_map(|(gradient, _)| gradient.to_vec()).collect();
    [(all, gradient), (good, good_gradient)]
}

pub fn bad_indices_and_padding_leave_no_trace() {
    for adam in adams() {
        for width in [4, 5] {
            let [mut with, mut without, mut host] = [(); 3].map(|()| table(width, adam));
            for step in 0..5 {
                let [(all, gradient), (good, good_gradient)] = with_and_without(step, width as usize);
                let batch = resident(&with, &all);
                with.update(&batch, &gradient).unwrap();
                let batch = resident(&without, &good);
                without.update(&batch, &good_gradient).unwrap();
                let batch = host.batch(&good).unwrap();
                host.update(&batch, &good_gradient).unwrap();
                let bad = all.iter().filter(|&&row| row >= INPUT_DIM).count() as u64;
                let first = all.iter().position(|&row| row >= INPUT_DIM).unwrap() as u32;
                // Reported once, by whichever asks first.
                let report = if step % 2 == 0 { reported(with.check()) } else { reported(with.weights()) };
                assert_eq!(report, (bad, first));
                assert_eq!(with.check(), Ok(()));
            }
            let expected = state(&without);
            assert!(state(&with) == expected, "{adam:?}, width {width}");
            assert!(state(&host) == expected, "{adam:?}, width {width}, host");
            assert!(without.check().is_ok() && host.check().is_ok());
        }
    }
}

pub fn a_batch_of_none_and_one_of_bad_indices_are_empty_steps() {
    for adam in adams() {
        for width in [4, 5] {
            let [mut none, mut bad, mut expected] = [(); 3].map(|()| table(width, adam));
            let first = expected.batch(&[1, 2, 1, 100]).unwrap();
            let gradient = fractions(4 * width as usize, 6);
            let no_rows = resident(&none, &[]);
            let bad_rows = resident(&bad, &vec![INPUT_DIM; 300]);
            let worse_rows = resident(&bad, &[u32::MAX, PADDING]);
            let nothing = expected.batch::<[u32]>(&[]).unwrap();
            for embedding in [&mut none, &mut bad, &mut expected] {
                embedding.update(&first, &gradient).unwrap();
            }
            let no_values: &[f32] = &[];
            assert!(none.lookup(&no_rows).unwrap().read().unwrap().is_empty());
            for _ in 0..2 {
                none.update(&no_rows, no_values).unwrap();
                expected.update(&nothing, no_values).unwrap();
            }
            bad.update(&bad_rows, &vec![f32::NAN; 300 * width as usize]).unwrap();
            bad.update(&worse_rows, &vec![f32::NAN; 2 * width as usize]).unwrap();
            assert_eq!(reported(bad.check()), (301, 0));
            let expected_state = state(&expected);
            assert!(state(&none) == expected_state, "{adam:?}, width {width}");
            assert!(state(&bad) == expected_state, "{adam:?}, width {width}");
            assert_eq!([none.step_count(), bad.step_count()], [3, 3]);
            let rows = bad.row_gradient(&bad_rows, &vec![1.0; 300 * width as usize]).unwrap();
            assert!(rows.rows.is_empty() && rows.sums.read().unwrap().is_empty());
            assert_eq!(reported(bad.check()), (300, 0));
        }
    }
}

pub fn each_update_sorts_what_the_buffer_then_holds() {
    for adam in adams() {
        let width = 5;
        let [mut recorded, mut twin] = [(); 2].map(|()| table(width, adam));
        // The second has other runs, longer and shorter, and padding.
        let sets = [indices(400, INPUT_DIM, Skew::Zipf, 1), indices(400, INPUT_DIM, Skew::Uniform, 2), vec![7; 400]];
        let gradient = fractions(400 * width as usize, 3);
        let on_the_gpu = buffer(&gradient);
        let changing = buffer(&[0u32; 400]);
        let batch = recorded.batch_from_buffer(&changing, &[400]).unwrap();
        let outputs = [(); 3].map(|()| buffer(&vec![POISON; 400 * width as usize]));
        let mut expected = Vec::new();
        let mut encoder = encoder();
        for (set, output) in sets.iter().zip(&outputs) {
            encoder.copy_buffer_to_buffer(&buffer(set), 0, &changing, 0, 1_600);
            recorded.record_lookup(&mut encoder, &batch, output).unwrap();
            recorded.record_update(&mut encoder, &batch, &on_the_gpu).unwrap();
            let batch = twin.batch(set).unwrap();
            expected.push(twin.lookup(&batch).unwrap().read().unwrap());
            twin.update(&batch, &gradient).unwrap();
        }
        queue().submit([encoder.finish()]);
        for (output, expected) in outputs.iter().zip(&expected) {
            assert_same_bits("a lookup of what the buffer then holds", &read(output), expected);
        }
        assert!(state(&recorded) == state(&twin), "{adam:?}");
    }
}

pub fn four_million_lookups_train_as_if_sorted_on_the_host() {
    let count = 1 << 22;
    let config = EmbeddingConfig::new(1_000_000, 4).with_max_shard_bytes(10 << 20).with_seed(6);
    // Some rows once, and one in a tenth of the lookups: partial sums of three levels.
    let mut rows = indices(count, 1_000_000, Skew::Uniform, 1);
    rows.iter_mut().step_by(10).for_each(|row| *row = 777_777);
    let gradient = buffer(&whole_numbers(count * 4, 2));
    let [on_the_gpu, on_the_host] = [true, false].map(|is_resident| {
        let mut embedding = GpuEmbedding::new(&context(), config.clone(), Adam::default()).unwrap();
        let batch = match is_resident {
            true => resident(&embedding, &rows),
            false => embedding.batch(&rows).unwrap(),
        };
        embedding.update(&batch, &gradient).unwrap();
        bits(&embedding.weights().unwrap())
    });
    assert!(on_the_gpu == on_the_host);
}
