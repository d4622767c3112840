use std::time::{Duration, Instant};

use wgpu_embedding::{Adam, BoundRegion, EmbeddingConfig, Error, GpuEmbedding, Mapping, Update, wgpu};

use crate::support::*;

const WIDTH: usize = 8;

fn config() -> EmbeddingConfig {
    EmbeddingConfig::new(60, WIDTH as u32).with_seed(9)
}

/// What two host-driven steps with different rates give: output before, between and after, and the weights.
fn two_steps(adam: Adam, indices: [&[u32]; 2], gradients: [&[f32]; 2]) -> (Vec<Vec<f32>>, Vec<f32>) {
    let mut embedding = GpuEmbedding::new(&context(), config(), adam).unwrap();
    let mut outputs = Vec::new();
    for step in 0..2 {
        embedding.set_learning_rate(0.1 / (1 + step) as f64).unwrap();
        let batch = embedding.batch(indices[step]).unwrap();
        outputs.push(embedding.lookup(&batch).unwrap().read().unwrap());
        embedding.update(&batch, gradients[step]).unwrap();
    }
    (outputs, embedding.weights().unwrap())
}

/// The same two steps, recorded; `encoders` is one or two.
fn two_recorded_steps(encoders: usize) {
    for update in [Update::Dense, Update::Lazy] {
        let adam = Adam::default().with_update(update);
        // Of different lengths, so that sums and segments differ too; and a row longer than a chunk.
        let indices = [indices(200, 60, Skew::Zipf, 1), indices(70, 60, Skew::Equal, 2)];
        let gradients = [fractions(200 * WIDTH, 3), fractions(70 * WIDTH, 4)];
        let expected = two_steps(adam, [&indices[0], &indices[1]], [&gradients[0], &gradients[1]]);

        let mut embedding = GpuEmbedding::new(&context(), config(), adam).unwrap();
        let batches = indices.each_ref().map(|indices| embedding.batch(indices).unwrap());
        let outputs = gradients.each_ref().map(|gradient| buffer(&vec![POISON; gradient.len()]));
        let gradients = gradients.each_ref().map(|gradient| buffer(gradient));
        let mut recordings: Vec<_> = (0..encoders).map(|_| encoder()).collect();
        for step in 0..2 {
            let encoder = &mut recordings[step % encoders];
            embedding.set_learning_rate(0.1 / (1 + step) as f64).unwrap();
            embedding.record_lookup(encoder, &batches[step], &outputs[step]).unwrap();
            embedding.record_update(encoder, &batches[step], &gradients[step]).unwrap();
        }
        assert_eq!(embedding.step_count(), 2);
        queue().submit(recordings.into_iter().map(wgpu::CommandEncoder::finish));
        for (output, expected) in outputs.iter().zip(&expected.0) {
            assert_same_bits("a recorded lookup", &read(output), expected);
        }
        assert_same_bits("weights after two recorded steps", &embedding.weights().unwrap(), &expected.1);
    }
}

pub fn two_updates_on_one_encoder() {
    two_recorded_steps(1);
}

pub fn two_updates_on_two_encoders() {
    two_recorded_steps(2);
}

pub fn buffers_with_offsets() {
    let mut embedding = GpuEmbedding::new(&context(), config(), Adam::default()).unwrap();
    let indices = indices(30, 60, Skew::Uniform, 5);
    let gradient = fractions(30 * WIDTH, 6);
    let mut twin = GpuEmbedding::new(&context(), config(), Adam::default()).unwrap();
    let twin_batch = twin.batch(&indices).unwrap();
    let expected = twin.lookup(&twin_batch).unwrap().read().unwrap();
    twin.update(&twin_batch, &gradient).unwrap();

    let batch = embedding.batch(&indices).unwrap();
    // 64 floats are 256 bytes, the strictest alignment there is.
    let (before, after) = (128, 50);
    let output = buffer(&vec![POISON; before + expected.len() + after]);
    let mut padded = vec![f32::NAN; before];
    padded.extend(&gradient);
    padded.extend([f32::NAN; 50]);
    let padded = buffer(&padded);
    let mut encoder = encoder();
    embedding.record_lookup(&mut encoder, &batch, output.slice(before as u64 * 4..)).unwrap();
    embedding.record_update(&mut encoder, &batch, padded.slice(before as u64 * 4..)).unwrap();
    queue().submit([encoder.finish()]);
    let output = read(&output);
    assert_eq!(output[..before], vec![POISON; before]);
    assert_eq!(output[before..before + expected.len()], expected);
    assert_eq!(output[before + expected.len()..], vec![POISON; after]);
    assert_same_bits("weights", &embedding.weights().unwrap(), &twin.weights().unwrap());
}

pub fn bound_regions_serve_any_batch_and_table() {
    // 64 floats are 256 bytes, the strictest alignment there is.
    let (before, after) = (64, 50);
    let most = 90 * WIDTH;
    let output = buffer(&vec![POISON; before + most + after]);
    let mut padded = vec![f32::NAN; before];
    padded.extend(fractions(most, 6));
    let padded = buffer(&padded);
    let inside = before as u64 * 4..(before + most) as u64 * 4;
    let bound = [&output, &padded].map(|buffer| BoundRegion::new(buffer.slice(inside.clone())));
    // Rows of whole quads and others, and another set of pipelines: each has groups of its own.
    let contexts = [context(), context().with_mapping(Mapping::Gpu), context().with_mapping(Mapping::Cpu)];
    for (context, width) in contexts.iter().zip([WIDTH, 3, WIDTH]) {
        let config = EmbeddingConfig::new(60, width as u32).with_seed(9);
        let [mut table, mut twin] =
            [(); 2].map(|()| GpuEmbedding::new(context, config.clone(), Adam::default()).unwrap());
        for (step, count) in [30, 90, 1, 0, 41].into_iter().enumerate() {
            let batch = table.batch(&indices(count, 60, Skew::Zipf, step as u64)).unwrap();
            let twin_batch = twin.batch(&indices(count, 60, Skew::Zipf, step as u64)).unwrap();
            let expected = twin.lookup(&twin_batch).unwrap().read().unwrap();
            twin.update(&twin_batch, &fractions(most, 6)[..count * width]).unwrap();
            queue().write_buffer(&output, 0, bytemuck::cast_slice(&vec![POISON; before + most + after]));
            let mut encoder = encoder();
            table.record_lookup(&mut encoder, &batch, &bound[0]).unwrap();
            table.record_update(&mut encoder, &batch, &bound[1]).unwrap();
            queue().submit([encoder.finish()]);
            let output = read(&output);
            assert_same_bits("a lookup", &output[before..before + count * width], &expected);
            let untouched = output[..before].iter().chain(&output[before + count * width..]);
            assert!(untouched.into_iter().all(|&float| float == POISON));
        }
        assert_same_bits("weights", &table.weights().unwrap(), &twin.weights().unwrap());
    }
}

pub fn bound_regions_are_checked_in_each_call() {
    let mut table = GpuEmbedding::new(&context(), config(), Adam::default()).unwrap();
    let [few, many] = [10, 11].map(|count| table.batch(&indices(count, 60, Skew::Uniform, 5)).unwrap());
    let room = buffer(&[1.0f32; 10 * WIDTH]);
    let bound = BoundRegion::new(&room);
    assert_eq!((bound.region().buffer(), bound.region().size()), (&room, 10 * WIDTH as u64 * 4));
    let mut encoder = encoder();
    table.record_lookup(&mut encoder, &few, &bound).unwrap();
    table.record_update(&mut encoder, &few, &bound).unwrap();
    let error = table.record_update(&mut encoder, &many, &bound).unwrap_err();
    assert!(matches!(error, Error::BufferTooSmall { required: 352, given: 320, .. }), "{error}");
    let shifted = BoundRegion::new(room.slice(4..));
    let error = table.record_lookup(&mut encoder, &table.batch(&[1]).unwrap(), &shifted).unwrap_err();
    assert!(matches!(error, Error::BufferAlignment { offset: 4, .. }), "{error}");
    let weights = BoundRegion::new(table.weight_shards().unwrap()[0].buffer);
    let error = table.record_update(&mut encoder, &few, &weights).unwrap_err();
    assert!(matches!(error, Error::Shape { .. }), "{error}");
    let other = new_context();
    let foreign = other.device().unwrap().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 320,
        usage: wgpu::BufferUsages::STORAGE,
        mapped_at_creation: false,
    });
    let foreign = BoundRegion::new(&foreign);
    for _ in 0..2 {
        let error = table.record_update(&mut encoder, &few, &foreign).unwrap_err();
        assert!(matches!(error, Error::ForeignObject { .. }), "{error}");
    }
    assert_eq!(table.step_count(), 1);
    queue().submit([encoder.finish()]);
}

pub fn gradients_into_the_callers_buffers() {
    for config in [config(), config().with_max_shard_bytes(32 * 60)] {
        let embedding = GpuEmbedding::new(&context(), config.with_trainable(false), Adam::default()).unwrap();
        let indices = indices(300, 60, Skew::Zipf, 7);
        let gradient = fractions(300 * WIDTH, 8);
        let batch = embedding.batch(&indices).unwrap();
        let rows = batch.unique_rows().unwrap().len();
        let spare = 33;
        let (sums, dense) =
            (buffer(&vec![POISON; rows * WIDTH + spare]), buffer(&vec![POISON; 64 + 60 * WIDTH + spare]));
        let gradient = buffer(&gradient);
        let mut encoder = encoder();
        embedding.record_row_gradient(&mut encoder, &batch, &gradient, &sums).unwrap();
        embedding.record_dense_gradient(&mut encoder, &batch, &gradient, dense.slice(256..)).unwrap();
        queue().submit([encoder.finish()]);
        let (sums, dense) = (read(&sums), read(&dense));
        assert_eq!(sums[..rows * WIDTH], embedding.row_gradient(&batch, &gradient).unwrap().sums.read().unwrap());
        assert_eq!(sums[rows * WIDTH..], vec![POISON; spare]);
        assert_eq!(dense[..64], [POISON; 64]);
        let expected = embedding.dense_gradient(&batch, &gradient).unwrap().read().unwrap();
        assert_eq!(dense[64..64 + 60 * WIDTH], expected);
        assert_eq!(dense[64 + 60 * WIDTH..], vec![POISON; spare]);
    }
}

pub fn a_dropped_batch_is_not_overwritten_before_its_recording_runs() {
    let embedding = GpuEmbedding::new(&context(), config(), Adam::default()).unwrap();
    let output = buffer(&vec![POISON; 40 * WIDTH]);
    let indices_of_first = indices(40, 60, Skew::Uniform, 10);
    let batch = embedding.batch(&indices_of_first).unwrap();
    let mut encoder = encoder();
    embedding.record_lookup(&mut encoder, &batch, &output).unwrap();
    drop(batch);
    // These would fill the dropped batch's buffer again, if it were free.
    let others: Vec<_> =
        (0..4).map(|seed| embedding.batch(&indices(40, 60, Skew::Uniform, 20 + seed)).unwrap()).collect();
    embedding.lookup(&others[0]).unwrap().read().unwrap();
    queue().submit([encoder.finish()]);
    assert_same_bits("the first batch", &read(&output), &embedding.rows(&indices_of_first).unwrap());
}

pub fn a_dropped_encoder_gives_its_batch_back() {
    let embedding = GpuEmbedding::new(&context(), config(), Adam::default()).unwrap();
    let output = buffer(&vec![POISON; 40 * WIDTH]);
    let values = indices(40, 60, Skew::Uniform, 11);
    let buffer_of = |batch: &wgpu_embedding::IndexBatch| batch.index_buffer().unwrap().buffer().clone();
    let batch = embedding.batch(&values).unwrap();
    let first = buffer_of(&batch);
    let mut encoder = encoder();
    embedding.record_lookup(&mut encoder, &batch, &output).unwrap();
    drop(batch);
    let second = embedding.batch(&values).unwrap();
    assert!(buffer_of(&second) != first, "the recording still reads the first buffer");
    drop(encoder);
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let batch = embedding.batch(&values).unwrap();
        if buffer_of(&batch) == first {
            break;
        }
        assert!(Instant::now() < deadline, "the dropped recording kept its buffer");
    }
}

pub fn a_recorded_update_holds_its_batch_too() {
    let gradient = fractions(40 * WIDTH, 12);
    let values = indices(40, 60, Skew::Uniform, 13);
    let mut twin = GpuEmbedding::new(&context(), config(), Adam::default()).unwrap();
    let batch = twin.batch(&values).unwrap();
    twin.update(&batch, &gradient).unwrap();

    let mut embedding = GpuEmbedding::new(&context(), config(), Adam::default()).unwrap();
    let gradient = buffer(&gradient);
    let batch = embedding.batch(&values).unwrap();
    let mut encoder = encoder();
    embedding.record_update(&mut encoder, &batch, &gradient).unwrap();
    drop(batch);
    let others: Vec<_> =
        (0..4).map(|seed| embedding.batch(&indices(40, 60, Skew::Uniform, 30 + seed)).unwrap()).collect();
    embedding.lookup(&others[0]).unwrap().read().unwrap();
    queue().submit([encoder.finish()]);
    assert_same_bits("a held batch", &embedding.weights().unwrap(), &twin.weights().unwrap());
}

pub fn recorded_gradients_hold_their_batch_too() {
    let values = indices(40, 60, Skew::Uniform, 13);
    let gradient = buffer(&fractions(40 * WIDTH, 12));
    let embedding = GpuEmbedding::new(&context(), config(), Adam::default()).unwrap();
    // What each call gives from a batch that is kept, and from one that is dropped before the submit.
    let outputs = [true, false].map(|is_kept| {
        let outputs = [60 * WIDTH, 60 * WIDTH, 4].map(|floats| buffer(&vec![0.0f32; floats]));
        for (call, output) in outputs.iter().enumerate() {
            let batch = embedding.batch(&values).unwrap();
            let mut encoder = encoder();
            match call {
                0 => embedding.record_row_gradient(&mut encoder, &batch, &gradient, output),
                1 => embedding.record_dense_gradient(&mut encoder, &batch, &gradient, output),
                _ => embedding.record_gradient_norm(&mut encoder, &batch, &gradient, output),
            }
            .unwrap();
            let kept = is_kept.then_some(batch);
            let others: Vec<_> =
                (0..4).map(|seed| embedding.batch(&indices(40, 60, Skew::Uniform, 30 + seed)).unwrap()).collect();
            embedding.lookup(&others[0]).unwrap().read().unwrap();
            queue().submit([encoder.finish()]);
            drop((kept, others));
        }
        outputs.map(|output| bits(&read(&output)))
    });
    assert!(outputs[0] == outputs[1]);
}
