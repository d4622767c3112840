use wgpu_embedding::{
    Adam, EmbeddingConfig, Error, GpuContext, GpuEmbedding, INVALID, IndexBatch, PADDING, Search, Update, reference,
    wgpu,
};

use crate::support::*;

const INPUT_DIM: u32 = 100;
const WIDTH: usize = 5;

fn table() -> GpuEmbedding {
    let config = EmbeddingConfig::new(INPUT_DIM, WIDTH as u32).with_mask_zero(true).with_padding_idx(4);
    GpuEmbedding::new(&context(), config, Adam::default()).unwrap()
}

fn resident(embedding: &GpuEmbedding, indices: &[u32]) -> IndexBatch {
    embedding.batch_from_buffer(&buffer(indices), &[indices.len()]).unwrap()
}

fn out_of_range(count: u64, first_position: u32) -> Result<(), Error> {
    Err(Error::GpuIndicesOutOfRange { count, first_position, input_dim: INPUT_DIM })
}

/// Good indices with bad ones among them: just past the end, far past it, and -1.
fn mixed(count: usize) -> Vec<u32> {
    let mut indices = indices(count, INPUT_DIM, Skew::Uniform, 1);
    for (position, bad) in [(3, INPUT_DIM), (count / 2, u32::MAX), (count - 1, 1 << 31)] {
        indices[position] = bad;
    }
    indices
}

pub fn bad_indices_give_zeros_and_are_counted_once() {
    let embedding = table();
    let weights = embedding.weights().unwrap();
    for count in [8, 255, 256, 257, 5_000] {
        let indices = mixed(count);
        let batch = resident(&embedding, &indices);
        let output = embedding.lookup(&batch).unwrap();
        let expected = reference::index_check(&indices, INPUT_DIM).unwrap();
        assert_eq!(expected, (3, 3));
        assert_eq!(embedding.check(), out_of_range(expected.0, expected.1));
        assert_eq!(embedding.check(), Ok(()));
        assert_same_bits("bad rows", &output.read().unwrap(), &reference::gather(&weights, WIDTH, &indices));
    }
    let all_bad = vec![u32::MAX; 1_000];
    let output = embedding.lookup(&resident(&embedding, &all_bad)).unwrap();
    assert_eq!(embedding.check(), out_of_range(1_000, 0));
    assert_eq!(output.read().unwrap(), [0.0; 1_000 * WIDTH]);
}

pub fn bad_indices_give_no_gradient_and_touch_no_row() {
    for update in [Update::Dense, Update::Lazy] {
        let config = EmbeddingConfig::new(INPUT_DIM, WIDTH as u32).with_padding_idx(4);
        let adam = Adam::default().with_update(update);
        let [mut gpu, mut reference] = pair(&config, &adam);
        for step in 0..3u32 {
            let indices = mixed(50);
            let gradient = whole_numbers(indices.len() * WIDTH, step.into());
            let batch = resident(&gpu, &indices);
            // With a lookup before it, or without one: each of them counts.
            let looked_up = step != 1;
            if looked_up {
                gpu.lookup(&batch).unwrap();
            }
            gpu.update(&batch, &gradient).unwrap();
            assert_eq!(gpu.check(), out_of_range(if looked_up { 6 } else { 3 }, 3));

            let valid: Vec<u32> = indices.iter().copied().filter(|&index| index < INPUT_DIM).collect();
            let rows = gradient.chunks(WIDTH).zip(&indices).filter(|&(_, &index)| index < INPUT_DIM);
            let valid_gradient: Vec<f32> = rows.flat_map(|(row, _)| row.to_vec()).collect();
            let sums = gpu.row_gradient(&batch, &gradient).unwrap();
            let expected = reference::scatter_add(&valid_gradient, WIDTH, &valid, |row| row != 4);
            assert_eq!(sums.rows, expected.rows);
            assert_eq!(sums.sums.read().unwrap(), expected.sums);
            assert_eq!(gpu.check(), out_of_range(3, 3));
            let batch = reference.batch(&valid).unwrap();
            reference.update(&batch, &valid_gradient).unwrap();
        }
        let (got, expected) = (gpu.weights().unwrap(), reference.weights().unwrap());
        assert_close("the good rows", &got, &expected, |_| 1e-7);
    }
}

/// A batch that is partly filled up, by itself and with bad indices among it, on tables of one shard and of several.
pub fn padding_is_no_lookup_and_is_not_counted() {
    let lookups = [7, 0, 99, 7, 4];
    for update in [Update::Dense, Update::Lazy, Update::Deferred] {
        for rows_per_shard in [INPUT_DIM, 64] {
            let config = EmbeddingConfig::new(INPUT_DIM, WIDTH as u32)
                .with_padding_idx(4)
                .with_mask_zero(true)
                .with_max_shard_bytes(u64::from(rows_per_shard) * 32);
            let [mut filled, mut plain] = [(); 2].map(|()| {
                GpuEmbedding::new(&context(), config.clone(), Adam::default().with_update(update)).unwrap()
            });
            for room in [8, 3_000] {
                let mut indices = lookups.to_vec();
                indices.resize(room, PADDING);
                indices.swap(2, room - 1);
                let batch = resident(&filled, &indices);
                let output = filled.lookup(&batch).unwrap();
                let weights = filled.weights().unwrap();
                assert_same_bits("rows", &output.read().unwrap(), &reference::gather(&weights, WIDTH, &indices));
                let mask: Vec<bool> = indices.iter().map(|&index| index != 0 && index != PADDING).collect();
                assert_eq!(filled.mask(&batch).unwrap(), Some(mask));

                let gradient = whole_numbers(room * WIDTH, 1);
                filled.update(&batch, &gradient).unwrap();
                assert_eq!(filled.check(), Ok(()));
                let real = indices.iter().zip(gradient.chunks(WIDTH)).filter(|&(&index, _)| index != PADDING);
                let (indices, gradients): (Vec<u32>, Vec<_>) = real.unzip();
                plain.update(&plain.batch(&indices).unwrap(), &gradients.concat()).unwrap();
                assert_same_bits("trained", &filled.weights().unwrap(), &plain.weights().unwrap());
            }
            filled.lookup(&resident(&filled, &[PADDING, INVALID, 3, PADDING, INPUT_DIM])).unwrap();
            assert_eq!(filled.check(), out_of_range(2, 1));
        }
    }
    let error = table().batch(&[1, PADDING]).unwrap_err();
    assert_eq!(error, Error::IndexOutOfRange { position: 1, value: PADDING.into(), input_dim: INPUT_DIM });
}

pub fn any_readback_reports_and_clears() {
    let embedding = table();
    let batch = resident(&embedding, &[1, 2, 777, 3]);
    let output = embedding.lookup(&batch).unwrap();
    let report = out_of_range(1, 2).unwrap_err();
    let lookup = || drop(embedding.lookup(&batch).unwrap());

    assert_eq!(output.read().unwrap_err(), report);
    assert_eq!(output.read().unwrap()[2 * WIDTH..3 * WIDTH], [0.0; WIDTH]);
    lookup();
    assert_eq!(embedding.weights().unwrap_err(), report);
    embedding.weights().unwrap();
    lookup();
    assert_eq!(embedding.state("exp_avg").unwrap_err(), report);
    moments(&embedding);
    lookup();
    assert_eq!(embedding.rows(&[1]).unwrap_err(), report);
    embedding.rows(&[1]).unwrap();
    let search = Search::new(1);
    lookup();
    assert_eq!(embedding.nearest(&[1.0; WIDTH], &search).unwrap_err(), report);
    embedding.nearest(&[1.0; WIDTH], &search).unwrap();
    let mut embedding = embedding;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.safetensors");
    embedding.lookup(&batch).unwrap();
    assert_eq!(embedding.save(&path).unwrap_err(), report);
    embedding.lookup(&batch).unwrap();
    assert_eq!(embedding.save_weights(&path, "weight").unwrap_err(), report);
    assert!(!path.exists());
    embedding.save(&path).unwrap();

    // Two lookups before a report: both are counted, and the lowest position is kept.
    embedding.lookup(&batch).unwrap();
    embedding.lookup(&resident(&embedding, &[1, INPUT_DIM])).unwrap();
    assert_eq!(embedding.check(), out_of_range(2, 1));
}

pub fn resident_batches_mask_and_check_their_buffers() {
    let mut embedding = table();
    let storage = wgpu::BufferUsages::STORAGE;
    let batch = resident(&embedding, &[0, 5, 0, 9]);
    assert_eq!(embedding.mask(&batch).unwrap(), Some(vec![false, true, false, true]));
    assert_eq!(batch.unique_rows(), None);

    // A part of a buffer.
    let mut values = vec![u32::MAX; 200];
    values[64..67].copy_from_slice(&[7, 8, 9]);
    let part = buffer(&values);
    let batch = embedding.batch_from_buffer(part.slice(256..), &[3]).unwrap();
    assert_eq!(embedding.lookup(&batch).unwrap().read().unwrap(), embedding.rows(&[7, 8, 9]).unwrap());
    embedding.update(&batch, &[1.0; 3 * WIDTH]).unwrap();

    let error = |result: Result<IndexBatch, Error>| result.unwrap_err();
    assert!(matches!(
        error(embedding.batch_from_buffer(part.slice(256..), &[137])),
        Error::BufferTooSmall { required: 548, given: 544, .. }
    ));
    let no_storage = buffer_with_usage(&[1u32], wgpu::BufferUsages::COPY_SRC);
    assert!(matches!(error(embedding.batch_from_buffer(&no_storage, &[1])), Error::BufferUsage { .. }));
    assert!(matches!(error(embedding.batch_from_buffer(&part, &[usize::MAX, 2])), Error::Shape { .. }));
    let on_the_reference =
        GpuEmbedding::new(&GpuContext::reference(), EmbeddingConfig::new(5, 5), Adam::default()).unwrap();
    assert!(matches!(error(on_the_reference.batch_from_buffer(&part, &[1])), Error::NeedsGpu { .. }));

    // Without COPY_SRC lookups and updates work, and what must read the indices back says what it lacks.
    let unreadable = buffer_with_usage(&[1u32, 2], storage);
    let batch = embedding.batch_from_buffer(&unreadable, &[2]).unwrap();
    embedding.lookup(&batch).unwrap();
    embedding.update(&batch, &[0.0; 2 * WIDTH]).unwrap();
    assert!(matches!(embedding.mask(&batch), Err(Error::BufferUsage { .. })));

    // Indices and output in one buffer would be read and written by one dispatch.
    let shared = buffer(&[0u32; 1_000]);
    let batch = embedding.batch_from_buffer(&shared, &[2]).unwrap();
    let output = shared.slice(256..);
    assert!(matches!(embedding.record_lookup(&mut encoder(), &batch, output), Err(Error::Shape { .. })));
    assert_eq!(embedding.step_count(), 2);
}

pub fn bad_indices_overwrite_what_was_there() {
    // Into a poisoned buffer, of a table in one piece and of one that is split: zeros must be written, and once.
    for config in [EmbeddingConfig::new(200, 5), EmbeddingConfig::new(200, 5).with_max_shard_bytes(64 * 32)] {
        let embedding = GpuEmbedding::new(&context(), config, Adam::default()).unwrap();
        let indices = [0, 63, 64, 199, 200, 201, 255, 256, u32::MAX, 7];
        let output = buffer(&[POISON; 10 * 5 + 3]);
        let mut encoder = encoder();
        embedding.record_lookup(&mut encoder, &resident(&embedding, &indices), &output).unwrap();
        queue().submit([encoder.finish()]);
        let report = Error::GpuIndicesOutOfRange { count: 5, first_position: 4, input_dim: 200 };
        assert_eq!(embedding.check(), Err(report));
        let mut expected = reference::gather(&embedding.weights().unwrap(), 5, &indices);
        expected.extend([POISON; 3]);
        assert_same_bits("bad indices", &read(&output), &expected);
    }
}

pub fn gradients_are_right_beside_a_stream() {
    // What is sorted for a GPU-resident batch shares its buffers' pool with the stream's worker.
    let embedding = table();
    let values = indices(300, INPUT_DIM, Skew::Uniform, 3);
    let gradient = whole_numbers(300 * WIDTH, 4);
    let batch = resident(&embedding, &values);
    let expected = reference::scatter_add(&gradient, WIDTH, &values, |row| row != 4);
    let source = (0..).map(|seed| indices(300, INPUT_DIM, Skew::Uniform, seed));
    let mut stream = embedding.stream(source);
    for _ in 0..200 {
        drop(stream.next().unwrap().unwrap());
        let got = embedding.row_gradient(&batch, &gradient).unwrap();
        assert_eq!(got.rows, expected.rows);
        assert_same_bits("beside a stream", &got.sums.read().unwrap(), &expected.sums);
    }
}

pub fn a_recorded_batch_keeps_what_its_parts_held() {
    let mut embedding = table();
    let source = buffer(&[3u32, 1, 0, u32::MAX, 9, 9, 9]);
    let parts = [source.slice(8..16), source.slice(0..8)].map(Into::into);
    let expected = [vec![0.0; WIDTH], embedding.rows(&[3, 1]).unwrap()].concat();
    let expected = [embedding.rows(&[0]).unwrap(), expected].concat();

    let mut encoder = encoder();
    let batch = embedding.record_batch(&mut encoder, &parts, &[2, 2]).unwrap();
    assert_eq!((batch.shape(), batch.indices(), batch.unique_rows()), (&[2, 2][..], None, None));
    // What held the indices is used for the output, and is bound beside them no more.
    let output = buffer(&[POISON; 4 * WIDTH + 7]);
    encoder.copy_buffer_to_buffer(&output, 0, &source, 0, 28);
    embedding.record_lookup(&mut encoder, &batch, &output).unwrap();
    queue().submit([encoder.finish()]);
    assert_same_bits("a copied batch", &read(&output)[..4 * WIDTH], &expected);

    // It trains, more than once, as one from the host does.
    let mut twin = table();
    let good = twin.batch(&[0, 3, 1]).unwrap();
    let gradient = fractions(4 * WIDTH, 8);
    let [first, .., third, fourth] = [0, 1, 2, 3].map(|row| gradient[row * WIDTH..][..WIDTH].to_vec());
    for _ in 0..2 {
        embedding.update(&batch, &gradient).unwrap();
        twin.update(&good, &[first.clone(), third.clone(), fourth.clone()].concat()).unwrap();
    }
    // One lookup and two updates met it.
    assert!(matches!(embedding.check(), Err(Error::GpuIndicesOutOfRange { count: 3, first_position: 1, .. })));
    assert_same_bits("a copied batch's update", &embedding.weights().unwrap(), &twin.weights().unwrap());

    // Another one may take its buffer over once nothing unfinished needs it.
    drop(batch);
    let mut encoder = self::encoder();
    let empty = embedding.record_batch(&mut encoder, &[], &[0]).unwrap();
    let again = embedding.record_batch(&mut encoder, &[buffer(&[5u32]).slice(..4).into()], &[1]).unwrap();
    queue().submit([encoder.finish()]);
    assert!(embedding.lookup(&empty).unwrap().read().unwrap().is_empty());
    assert_eq!(embedding.lookup(&again).unwrap().read().unwrap(), embedding.rows(&[5]).unwrap());
}

pub fn a_recorded_batch_checks_its_parts() {
    let embedding = table();
    let mut encoder = encoder();
    let storage = buffer_with_usage(&[1u32, 2], wgpu::BufferUsages::STORAGE);
    let good = buffer(&[1u32, 2]);
    let mut error = |part: wgpu::BufferSlice<'_>, shape: &[usize]| {
        embedding.record_batch(&mut encoder, &[part.into()], shape).unwrap_err()
    };
    assert!(matches!(error(storage.slice(..8), &[2]), Error::BufferUsage { .. }));
    assert!(matches!(error(good.slice(2..6), &[1]), Error::BufferAlignment { offset: 2, alignment: 4, .. }));
    let parts = [good.slice(0..6), good.slice(0..2)].map(Into::into);
    let refused = embedding.record_batch(&mut self::encoder(), &parts, &[2]).unwrap_err();
    assert!(matches!(refused, Error::BufferAlignment { offset: 6, alignment: 4, .. }));
    for shape in [&[1][..], &[3], &[usize::MAX, 2]] {
        assert!(matches!(error(good.slice(..8), shape), Error::Shape { .. }), "{shape:?}");
    }
    let reference = GpuEmbedding::new(&GpuContext::reference(), EmbeddingConfig::new(5, 5), Adam::default()).unwrap();
    let refused = reference.record_batch(&mut encoder, &[], &[0]).unwrap_err();
    assert!(matches!(refused, Error::NeedsGpu { call: "record_batch" }));
    // Nothing of all that was recorded.
    queue().submit([encoder.finish()]);
}
