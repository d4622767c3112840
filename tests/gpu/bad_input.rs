//! Bad input gives an error that names what was required and what was given; nothing lost, nothing silently changed.

use wgpu_embedding::{Adam, EmbeddingConfig, Error, GpuContext, GpuEmbedding, Initializer, Update, wgpu};

use crate::support::*;

fn table() -> GpuEmbedding {
    GpuEmbedding::new(&context(), EmbeddingConfig::new(20, 4), Adam::default()).unwrap()
}

pub fn bad_batches_are_named_and_change_nothing() {
    let config = EmbeddingConfig::new(20, 4).with_input_length(2);
    let embedding = GpuEmbedding::new(&GpuContext::reference(), config, Adam::default()).unwrap();
    let out_of_range = |position, value| Error::IndexOutOfRange { position, value, input_dim: 20 };
    assert_eq!(embedding.batch(&[[1, 2], [3, 20]]).unwrap_err(), out_of_range(3, 20));
    assert_eq!(embedding.batch(&[[1, -1]]).unwrap_err(), out_of_range(1, -1));
    assert_eq!(embedding.batch(&[[1, i64::MIN]]).unwrap_err(), out_of_range(1, i64::MIN.into()));
    assert_eq!(embedding.batch(&[[1, u64::MAX]]).unwrap_err(), out_of_range(1, u64::MAX.into()));
    for (values, shape) in [(3, vec![3]), (4, vec![2, 3]), (6, vec![2, 3]), (1, vec![])] {
        let error = embedding.batch(&(vec![1u32; values], &shape)).unwrap_err();
        assert!(matches!(error, Error::Shape { .. }), "{shape:?}: {error}");
    }
    assert_eq!(
        embedding.batch(&[[1u32, 2, 3]]).unwrap_err().to_string(),
        "the batch's last dimension must be the table's input_length, 2, and is 3"
    );
}

pub fn errors_say_the_remedy() {
    let context = GpuContext::reference();
    let embedding = GpuEmbedding::new(&context, EmbeddingConfig::new(20, 4), Adam::default()).unwrap();
    assert!(embedding.batch(&[1]).unwrap().index_buffer().is_none());
    assert!(embedding.lookup(&embedding.batch(&[1]).unwrap()).unwrap().buffer().is_none());
    assert_eq!(
        Error::NeedsGpu { call: "record_lookup" }.to_string(),
        "record_lookup needs a GPU, and this context is the CPU reference; use the host-driven lookup and update, \
         which work on both, or GpuContext::gpu()"
    );
}

pub fn wrong_buffers_are_named() {
    let mut embedding = table();
    let batch = embedding.batch(&[1, 2, 3]).unwrap();
    let floats = 12;
    let good = buffer(&vec![0.0f32; floats]);
    let small = buffer(&vec![0.0f32; floats - 1]);
    let uniform = buffer_with_usage(&vec![0.0f32; floats], wgpu::BufferUsages::UNIFORM);
    let wide = buffer(&[0.0f32; 100]);
    let mut encoder = encoder();

    let too_small = |what| Error::BufferTooSmall { what, required: 48, given: 44 };
    assert_eq!(embedding.record_lookup(&mut encoder, &batch, &small), Err(too_small("the lookup's output")));
    assert_eq!(embedding.record_update(&mut encoder, &batch, &small), Err(too_small("the gradient")));
    assert_eq!(embedding.update(&batch, &small), Err(too_small("the gradient")));
    let rows = embedding.record_row_gradient(&mut encoder, &batch, &good, &small);
    assert_eq!(rows, Err(too_small("the row gradient")));
    let dense = embedding.record_dense_gradient(&mut encoder, &batch, &good, &small);
    assert_eq!(dense, Err(Error::BufferTooSmall { what: "the dense gradient", required: 320, given: 44 }));

    // What the call reads may not be what it writes.
    let own = batch.index_buffer().unwrap();
    let shards = embedding.weight_shards().unwrap()[0].buffer.clone();
    let in_the_same =
        |result: Result<(), Error>| matches!(result, Err(Error::Shape { .. } | Error::BufferTooSmall { .. }));
    let dense = buffer(&[0.0f32; 80]);
    for taken in [own, (&shards).into(), (&dense).into()] {
        assert!(in_the_same(embedding.record_row_gradient(&mut encoder, &batch, &dense, taken)));
        assert!(in_the_same(embedding.record_dense_gradient(&mut encoder, &batch, &dense, taken)));
        assert!(in_the_same(embedding.record_gradient_norm(&mut encoder, &batch, &dense, taken)));
    }
    assert!(in_the_same(embedding.record_lookup(&mut encoder, &batch, own)));
    assert!(in_the_same(embedding.record_lookup(&mut encoder, &batch, &shards)));
    assert!(in_the_same(embedding.record_update(&mut encoder, &batch, &shards)));

    let usage = |result: Result<(), Error>| matches!(result, Err(Error::BufferUsage { .. }));
    assert!(usage(embedding.record_lookup(&mut encoder, &batch, &uniform)));
    assert!(usage(embedding.record_update(&mut encoder, &batch, &uniform)));

    let aligned = |result: Result<(), Error>| matches!(result, Err(Error::BufferAlignment { offset: 4, .. }));
    assert!(aligned(embedding.record_lookup(&mut encoder, &batch, wide.slice(4..))));
    assert!(aligned(embedding.record_update(&mut encoder, &batch, wide.slice(4..))));

    for count in [0, 11, 13] {
        let error = embedding.update(&batch, &vec![0.0; count]).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the gradient must be 12 floats, one for each float of the lookup's output, and is {count} floats"
            )
        );
    }

    // What was refused left the encoder and the table as they were.
    assert_eq!(embedding.step_count(), 0);
    let before = embedding.weights().unwrap();
    queue().submit([encoder.finish()]);
    assert_eq!(embedding.weights().unwrap(), before);
}

pub fn objects_of_another_device_are_refused() {
    let mut embedding = table();
    let batch = embedding.batch(&[1, 2, 3]).unwrap();
    let other = new_context();
    let foreign = other.device().unwrap().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 1 << 10,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
        mapped_at_creation: false,
    });
    let mut encoder = encoder();
    let refused = |result: Result<(), Error>| matches!(result, Err(Error::ForeignObject { .. }));
    assert!(refused(embedding.record_lookup(&mut encoder, &batch, &foreign)));
    assert!(refused(embedding.record_update(&mut encoder, &batch, &foreign)));
    assert!(refused(embedding.update(&batch, &foreign)));
    let gradient = buffer(&[0.0f32; 100]);
    assert!(refused(embedding.record_update_scaled(&mut encoder, &batch, &gradient, &foreign)));
    assert_eq!(embedding.step_count(), 0);
    // The encoder is none the worse for it.
    let output = buffer(&[POISON; 12]);
    embedding.record_lookup(&mut encoder, &batch, &output).unwrap();
    queue().submit([encoder.finish()]);
    assert_eq!(read(&output), embedding.rows(&[1, 2, 3]).unwrap());

    let destroyed = buffer(&[0.0f32; 12]);
    destroyed.destroy();
    assert!(embedding.update(&batch, &destroyed).is_err());
}

pub fn batches_of_another_table_are_refused() {
    let mut embedding = table();
    let other_context = new_context();
    let config = EmbeddingConfig::new(20, 4);
    let others = [
        GpuEmbedding::new(&context(), EmbeddingConfig::new(21, 4), Adam::default()).unwrap(),
        GpuEmbedding::new(&context(), config.clone().with_max_shard_bytes(16 * 16), Adam::default()).unwrap(),
        GpuEmbedding::new(&context(), config.clone().with_padding_idx(0), Adam::default()).unwrap(),
        GpuEmbedding::new(&other_context, config.clone(), Adam::default()).unwrap(),
        GpuEmbedding::new(&GpuContext::reference(), config.clone(), Adam::default()).unwrap(),
    ];
    for other in others {
        let batch = other.batch(&[1, 2]).unwrap();
        let refused = |result: Result<(), Error>| matches!(result, Err(Error::BatchMismatch { .. }));
        assert!(refused(embedding.lookup(&batch).map(drop)));
        assert!(refused(embedding.update(&batch, &[0.0; 8])));
        assert!(refused(embedding.mask(&batch).map(drop)));
        assert!(refused(embedding.row_gradient(&batch, &[0.0; 8]).map(drop)));
        assert!(refused(embedding.dense_gradient(&batch, &[0.0; 8]).map(drop)));
        let mut encoder = encoder();
        let target = buffer(&[0.0f32; 80]);
        assert!(refused(embedding.record_lookup(&mut encoder, &batch, &target)));
        assert!(refused(embedding.record_update(&mut encoder, &batch, &target)));
    }
    // Tables of as many rows on the same context may share batches, however wide they are, sorted on the host or on the GPU.
    let indices = [1, 2, 19, 1];
    let resident = buffer(&indices);
    for width in [1, 4, 70] {
        let config = EmbeddingConfig::new(20, width).with_seed(3);
        let [mut sharing, mut own] =
            [(); 2].map(|()| GpuEmbedding::new(&context(), config.clone(), Adam::default()).unwrap());
        let gradient = fractions(4 * width as usize, 1);
        for batch in [embedding.batch(&indices).unwrap(), embedding.batch_from_buffer(&resident, &[4]).unwrap()] {
            assert_eq!(sharing.lookup(&batch).unwrap().read().unwrap(), sharing.rows(&indices).unwrap());
            sharing.update(&batch, &gradient).unwrap();
            let batch = own.batch(&indices).unwrap();
            own.update(&batch, &gradient).unwrap();
        }
        assert_same_bits("a shared batch", &sharing.weights().unwrap(), &own.weights().unwrap());
    }

    let reference = GpuEmbedding::new(&GpuContext::reference(), EmbeddingConfig::new(20, 4), Adam::default());
    let mut reference = reference.unwrap();
    let batch = reference.batch(&[1, 2]).unwrap();
    let target = buffer(&[0.0f32; 80]);
    let needs_gpu = |result: Result<(), Error>| matches!(result, Err(Error::NeedsGpu { .. }));
    assert!(needs_gpu(reference.record_lookup(&mut encoder(), &batch, &target)));
    assert!(needs_gpu(reference.record_update(&mut encoder(), &batch, &target)));
    assert!(needs_gpu(reference.record_row_gradient(&mut encoder(), &batch, &target, &target)));
    assert!(needs_gpu(reference.record_dense_gradient(&mut encoder(), &batch, &target, &target)));
    assert!(needs_gpu(reference.update(&batch, &target)));
    assert_eq!(reference.step_count(), 0);
}

pub fn a_frozen_table_is_looked_up_and_not_updated() {
    let config = EmbeddingConfig::new(20, 4).with_trainable(false);
    for mut embedding in pair(&config, &Adam::default()) {
        let before = embedding.weights().unwrap();
        let batch = embedding.batch(&[1, 2]).unwrap();
        assert_eq!(embedding.lookup(&batch).unwrap().read().unwrap(), before[4..12]);
        assert_eq!(embedding.update(&batch, &[1.0; 8]), Err(Error::Frozen));
        assert_eq!(embedding.row_gradient(&batch, &[1.0; 8]).unwrap().rows, [1, 2]);
        assert_eq!(moments(&embedding), None);
        assert_eq!((embedding.weights().unwrap(), embedding.step_count()), (before, 0));
    }
    let mut embedding = GpuEmbedding::new(&context(), config, Adam::default()).unwrap();
    let batch = embedding.batch(&[1]).unwrap();
    assert_eq!(embedding.record_update(&mut encoder(), &batch, &buffer(&[0.0f32; 4])), Err(Error::Frozen));
}

pub fn too_large_things_are_refused_before_allocation() {
    let binding = device().limits().max_storage_buffer_binding_size;
    // An output of one row more than a binding; the indices themselves are few.
    let width = 1 << 16;
    let embedding =
        GpuEmbedding::new(&context(), EmbeddingConfig::new(2, width), Adam::default().with_learning_rate(0.1))
            .unwrap();
    let count = (binding / (u64::from(width) * 4) + 1) as usize;
    let batch = embedding.batch(&vec![1u8; count]).unwrap();
    let error = embedding.lookup(&batch).unwrap_err();
    let required = count as u64 * u64::from(width) * 4;
    assert!(
        matches!(error, Error::TooLarge { required: got, available, .. } if got == required && available <= binding.max(device().limits().max_buffer_size)),
        "{error}"
    );

    let config = EmbeddingConfig::new(2, u32::MAX).with_initializer(Initializer::Zeros);
    let error = GpuEmbedding::new(&context(), config, Adam::default()).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    let config = EmbeddingConfig::new(0, 4);
    assert!(matches!(GpuEmbedding::new(&context(), config, Adam::default()), Err(Error::InvalidConfig(_))));
}

pub fn a_table_beyond_all_memory_is_an_error() {
    // 256 GiB of weights, and Adam's moments besides.
    for context in [context(), GpuContext::reference()] {
        let error = GpuEmbedding::new(&context, EmbeddingConfig::new(1 << 28, 256), Adam::default()).unwrap_err();
        assert!(matches!(error, Error::OutOfMemory { required, .. } if required >= 1 << 20), "{error}");
    }
    // What failed took nothing with it.
    GpuEmbedding::new(&context(), EmbeddingConfig::new(10, 4), Adam::default()).unwrap().weights().unwrap();
}

pub fn a_lost_device_is_an_error() {
    let context = new_context();
    let mut embedding = GpuEmbedding::new(&context, EmbeddingConfig::new(20, 4), Adam::default()).unwrap();
    let batch = embedding.batch(&[1, 2]).unwrap();
    let output = embedding.lookup(&batch).unwrap();
    context.device().unwrap().destroy();
    // wgpu tells of the loss when it is next asked.
    let _ = context.device().unwrap().poll(wgpu::PollType::wait_indefinitely());
    assert!(embedding.batch(&[1]).is_err());
    assert!(embedding.lookup(&batch).is_err());
    assert!(embedding.update(&batch, &[1.0; 8]).is_err());
    assert!(embedding.weights().is_err());
    assert!(embedding.set_weights(&[0.0; 80]).is_err());
    assert!(embedding.rows(&[1]).is_err());
    assert!(embedding.check().is_err());
    assert!(output.read().is_err());
    assert_eq!(embedding.step_count(), 0);
}

pub fn a_step_that_a_lost_device_refuses_is_not_counted() {
    let context = new_context();
    let mut tables = [Update::Deferred, Update::Dense, Update::Lazy].map(|update| {
        let optimizer = Adam::default().with_update(update);
        GpuEmbedding::new(&context, EmbeddingConfig::new(20, 4), optimizer).unwrap()
    });
    let batch = tables[0].batch(&[1, 2]).unwrap();
    // On the GPU before the loss, so that the call gets as far as it can.
    let gradient = tables[0].lookup(&batch).unwrap();
    for table in &mut tables {
        table.update(&batch, &gradient).unwrap();
    }
    context.device().unwrap().destroy();
    let _ = context.device().unwrap().poll(wgpu::PollType::wait_indefinitely());
    for table in &mut tables {
        table.update(&batch, &gradient).unwrap_err();
        table.update_scaled(&batch, &gradient, 0.5).unwrap_err();
        assert_eq!(table.step_count(), 1);
    }
}

pub fn failed_calls_change_nothing() {
    for mut embedding in pair(&EmbeddingConfig::new(20, 4), &Adam::default()) {
        let batch = embedding.batch(&[1, 2]).unwrap();
        embedding.update(&batch, &[1.0; 8]).unwrap();
        let before = (embedding.weights().unwrap(), moments(&embedding), embedding.step_count());
        embedding.update(&batch, &[1.0; 7]).unwrap_err();
        embedding.set_learning_rate(f64::NAN).unwrap_err();
        embedding.set_weights(&[0.0; 79]).unwrap_err();
        embedding.batch(&[20]).unwrap_err();
        embedding.rows(&[20]).unwrap_err();
        let after = (embedding.weights().unwrap(), moments(&embedding), embedding.step_count());
        assert_eq!(before, after);
        assert_eq!(embedding.learning_rate(), 0.001);
    }
}
