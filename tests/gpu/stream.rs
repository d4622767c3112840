use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use wgpu_embedding::{Adam, EmbeddingConfig, Error, GpuContext, GpuEmbedding, IndexBatch, Sorting};

use crate::support::*;

fn table(context: &GpuContext) -> GpuEmbedding {
    GpuEmbedding::new(context, EmbeddingConfig::new(100, 4), Adam::default()).unwrap()
}

#[track_caller]
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn batches_come_in_order_and_train_like_single_ones() {
    let epoch: Vec<Vec<u32>> = (0..200).map(|k| indices(1 + k % 17, 100, Skew::Uniform, k as u64)).collect();
    for context in [context(), GpuContext::reference()] {
        let (mut streamed, mut single) = (table(&context), table(&context));
        let mut count = 0;
        for (batch, indices) in streamed.stream(epoch.clone()).zip(&epoch) {
            let batch = batch.unwrap();
            assert_eq!(batch.shape(), [indices.len()]);
            let output = streamed.lookup(&batch).unwrap();
            streamed.update(&batch, &output).unwrap();
            let batch = single.batch(indices).unwrap();
            let output = single.lookup(&batch).unwrap();
            single.update(&batch, &output).unwrap();
            count += 1;
        }
        assert_eq!(count, epoch.len());
        assert_same_bits("streamed", &streamed.weights().unwrap(), &single.weights().unwrap());
    }
}

pub fn at_most_depth_batches_are_prepared_ahead() {
    let embedding = table(&context());
    for depth in [1, 2, 5] {
        let pulled = Arc::new(AtomicUsize::new(0));
        let counter = pulled.clone();
        let source = (0..50u32).map(move |k| {
            counter.fetch_add(1, Ordering::SeqCst);
            vec![k]
        });
        let mut stream = embedding.stream_with_depth(source, depth);
        for taken in 0..4 {
            wait_until("the worker is as far ahead as it may be", || pulled.load(Ordering::SeqCst) == taken + depth);
            std::thread::sleep(Duration::from_millis(30));
            assert_eq!(pulled.load(Ordering::SeqCst), taken + depth);
            let batch = stream.next().unwrap().unwrap();
            assert_eq!(batch.unique_rows(), Some(&[taken as u32][..]));
        }
    }
}

pub fn an_error_is_its_own_batchs_item() {
    for context in [context(), GpuContext::reference()] {
        let embedding = table(&context);
        let source = vec![vec![1i64, 2], vec![3, -4], vec![5, 100], vec![6]];
        let items: Vec<Result<IndexBatch, Error>> = embedding.stream(source).collect();
        let error = |position, value| Error::IndexOutOfRange { position, value, input_dim: 100 };
        assert_eq!(items[0].as_ref().unwrap().len(), 2);
        assert_eq!(items[1].as_ref().unwrap_err(), &error(1, -4));
        assert_eq!(items[2].as_ref().unwrap_err(), &error(1, 100));
        assert_eq!(items[3].as_ref().unwrap().len(), 1);
        assert_eq!(items.len(), 4);
    }
}

pub fn a_panic_in_the_source_is_raised_again() {
    let embedding = table(&context());
    let source = (0..5u32).map(|k| if k < 3 { vec![k] } else { panic!("the file ended early") });
    let mut stream = embedding.stream(source);
    for _ in 0..3 {
        stream.next().unwrap().unwrap();
    }
    let message = panic_of(|| drop(stream.next()));
    assert_eq!(message.as_deref(), Some("the file ended early"));
    assert!(stream.next().is_none());
}

pub fn dropping_it_half_way_ends_the_worker() {
    struct Source(mpsc::Sender<()>, u32);
    impl Iterator for Source {
        type Item = Vec<u32>;
        fn next(&mut self) -> Option<Vec<u32>> {
            self.1 += 1;
            Some(vec![self.1 % 100])
        }
    }
    impl Drop for Source {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
        }
    }
    let embedding = table(&context());
    for taken in [0, 1, 10] {
        let (sender, dropped) = mpsc::channel();
        let mut stream = embedding.stream(Source(sender, 0));
        for _ in 0..taken {
            stream.next().unwrap().unwrap();
        }
        drop(stream);
        dropped.recv_timeout(Duration::from_secs(20)).expect("the worker still holds the source");
    }
}

pub fn a_blocked_source_does_not_block_the_drop() {
    let embedding = table(&context());
    let (sender, source) = mpsc::channel::<Vec<u32>>();
    sender.send(vec![1]).unwrap();
    let mut stream = embedding.stream(source);
    stream.next().unwrap().unwrap();
    // The worker waits for a batch that this thread would send.
    let start = Instant::now();
    drop(stream);
    assert!(start.elapsed() < Duration::from_secs(5));
    drop(sender);
}

/// The GPU sorts as the host does; batches may be dropped before their recordings are submitted, and their buffers filled again.
pub fn the_gpu_sorts_a_streams_batches_as_the_host_does() {
    const ROWS: u32 = 3_000;
    let plain = EmbeddingConfig::new(ROWS, 4);
    let configs = [
        plain.clone(),
        plain.clone().with_padding_idx(0),
        plain.clone().with_padding_idx(7).with_max_shard_bytes(1_024 * 16),
    ];
    // A batch of nothing, tiles of the sort and what is beside them, and hot rows.
    let lengths = [300, 0, 1, 2_048, 2_049, 5_000, 64, 70, 4_097, 12, 3_000, 9_000];
    for config in configs {
        let run = |sorting| {
            let mut table = GpuEmbedding::new(&context(), config.clone(), Adam::default()).unwrap();
            let source = (0u64..).zip(lengths).map(|(seed, count)| {
                indices(count, ROWS, if seed % 2 == 0 { Skew::Zipf } else { Skew::Uniform }, seed)
            });
            let source: Vec<Vec<u32>> = source.collect();
            let mut stream = table.batch_maker().with_sorting(sorting).stream(source, 2);
            let mut outputs = Vec::new();
            loop {
                // Three steps in a submission, the last of fewer.
                let mut encoder = encoder();
                let mut steps = 0;
                for batch in stream.by_ref().take(3) {
                    let batch = batch.unwrap();
                    let gradient = buffer(&fractions(batch.len() * 4, batch.len() as u64));
                    let output = buffer(&vec![POISON; batch.len() * 4]);
                    table.record_lookup(&mut encoder, &batch, &output).unwrap();
                    table.record_update(&mut encoder, &batch, &gradient).unwrap();
                    outputs.push(output);
                    steps += 1;
                }
                queue().submit([encoder.finish()]);
                if steps < 3 {
                    break;
                }
            }
            let mut seen = outputs.iter().flat_map(read).collect::<Vec<_>>();
            seen.extend(table.weights().unwrap());
            seen.extend(table.state("exp_avg_sq").unwrap());
            seen
        };
        assert_same_bits("sorted on the GPU", &run(Sorting::Gpu), &run(Sorting::Host));
    }
}

pub fn a_batch_that_the_gpu_sorts_is_one_of_host_indices() {
    let config = EmbeddingConfig::new(100, 4).with_padding_idx(9).with_mask_zero(true);
    let table = GpuEmbedding::new(&context(), config.clone(), Adam::default()).unwrap();
    let indices = [5u32, 9, 5, 0, 99, 5];
    let [host, gpu] = [Sorting::Host, Sorting::Gpu]
        .map(|sorting| table.batch_maker().with_sorting(sorting).batch(&indices).unwrap());
    assert_eq!(gpu.indices(), Some(&indices[..]));
    assert_eq!(gpu.unique_rows(), Some(&[0, 5, 99][..]));
    assert_eq!(table.mask(&gpu).unwrap(), table.mask(&host).unwrap());
    let gradient = fractions(24, 1);
    let [of_host, of_gpu] = [&host, &gpu].map(|batch| table.row_gradient(batch, &gradient).unwrap());
    assert_eq!(of_host.rows, of_gpu.rows);
    assert_same_bits("sums", &of_gpu.sums.read().unwrap(), &of_host.sums.read().unwrap());
    let [of_host, of_gpu] = [&host, &gpu].map(|batch| table.gradient_norm(batch, &gradient).unwrap());
    assert_eq!(of_host.to_bits(), of_gpu.to_bits());
    let error = table.batch_maker().with_sorting(Sorting::Gpu).batch(&[1i32, -1]).unwrap_err();
    assert_eq!(error, Error::IndexOutOfRange { position: 1, value: -1, input_dim: 100 });

    // A frozen table is looked up; on the reference the host sorts.
    let frozen = config.with_trainable(false);
    for context in [context(), GpuContext::reference()] {
        let frozen = GpuEmbedding::new(&context, frozen.clone(), Adam::default()).unwrap();
        let batch = frozen.batch_maker().with_sorting(Sorting::Gpu).batch(&indices).unwrap();
        assert_eq!(frozen.lookup(&batch).unwrap().read().unwrap(), frozen.rows(&indices).unwrap());
    }
}
