//! The same inputs give the same bits: on another context, however threads share rows, with the sort on the host or on the GPU, and however the
//! table is split. That they do so in a small table and in a large one, whenever rows are swept, is in
//! src/embedding/segments_tests.rs, for cuts can only be forced there.

use wgpu_embedding::{
    Adam, Clipping, EmbeddingConfig, GpuContext, GpuEmbedding, IndexBatch, Initializer, Mapping, Optimizer, Sgd,
    Update, reference, wgpu,
};

use crate::support::*;

const INPUT_DIM: u32 = 2_000;
const WIDTH: usize = 12;
const STEPS: u64 = 200;

/// FNV-1a over the bits.
fn hash(seed: u64, values: &[f32]) -> u64 {
    values
        .iter()
        .flat_map(|value| value.to_bits().to_le_bytes())
        .fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn on_the_gpu(context: &GpuContext, indices: &[u32]) -> wgpu::Buffer {
    use wgpu::util::DeviceExt;
    let contents = bytemuck::cast_slice(if indices.is_empty() { &[0] } else { indices });
    let usage = wgpu::BufferUsages::STORAGE;
    let descriptor = wgpu::util::BufferInitDescriptor { label: Some("indices"), contents, usage };
    context.device().unwrap().create_buffer_init(&descriptor)
}

/// What mixed steps leave: many rows, few, one, none; one lookup a row and hot rows; rates that change.
fn run(context: &GpuContext, config: EmbeddingConfig, optimizer: Optimizer, steps: u64, resident: bool) -> u64 {
    let mut embedding = GpuEmbedding::new(context, config, optimizer).unwrap();
    let mut seen = 0xcbf2_9ce4_8422_2325;
    for step in 0..steps {
        let (count, skew) = match step % 7 {
            0 | 3 => (300, Skew::Uniform),
            // More than a tile of the sort.
            1 => (2_500, Skew::Zipf),
            2 => (150, Skew::Equal),
            4 => (64, Skew::Zipf),
            5 => (0, Skew::Uniform),
            _ => (1, Skew::Uniform),
        };
        let indices = indices(count, INPUT_DIM, skew, step);
        let gradient = fractions(count * WIDTH, step + 1_000);
        let batch: IndexBatch = if resident {
            embedding.batch_from_buffer(&on_the_gpu(context, &indices), &[count]).unwrap()
        } else {
            embedding.batch(&indices).unwrap()
        };
        embedding.set_learning_rate(0.001 * (1.0 + (step as f64 / 9.0).sin())).unwrap();
        if step % 20 == 1 {
            seen = hash(seen, &embedding.lookup(&batch).unwrap().read().unwrap());
        }
        embedding.update(&batch, &gradient).unwrap();
    }
    let arrays = embedding.optimizer().state().into_iter().map(|array| embedding.state(array.name).unwrap());
    arrays.fold(hash(seen, &embedding.weights().unwrap()), |seen, values| hash(seen, &values))
}

fn same_bits_everywhere(optimizer: impl Into<Optimizer>, steps: u64) {
    let optimizer = optimizer.into();
    let config = EmbeddingConfig::new(INPUT_DIM, WIDTH as u32).with_seed(1).with_padding_idx(3);
    let split = config.clone().with_max_shard_bytes(192 * 48);
    assert!(GpuEmbedding::new(&context(), split.clone(), optimizer).unwrap().shard_count() > 5);
    let run = |context: &GpuContext, config: &EmbeddingConfig, resident| {
        run(context, config.clone(), optimizer, steps, resident)
    };
    let first = run(&context(), &config, false);
    for mapping in [Mapping::Gpu, Mapping::Cpu] {
        let other = new_context().with_mapping(mapping);
        assert_eq!(run(&other, &config, false), first, "{optimizer:?}: another context, {mapping:?}");
    }
    assert_eq!(run(&context(), &config, true), first, "{optimizer:?}: GPU-resident");
    assert_eq!(run(&context(), &split, false), first, "{optimizer:?}: split");
    assert_eq!(run(&context(), &split, true), first, "{optimizer:?}: split, GPU-resident");
    // The hash would tell.
    assert_ne!(run(&context(), &config.with_seed(2), false), first);
}

/// Clipped by the norm, and with weight decay, which all of them have in all updates.
pub fn every_optimizer_gives_the_same_bits_everywhere() {
    for mut optimizer in Optimizer::each() {
        for update in [Update::Deferred, Update::Dense, Update::Lazy] {
            optimizer = optimizer.with_update(update).with_weight_decay(0.1).with_clipping(Clipping::Norm(0.5));
            same_bits_everywhere(optimizer, 21);
        }
    }
    // Momentum is not among the defaults.
    let momentum = Sgd::default().with_momentum(0.9).with_nesterov(true);
    same_bits_everywhere(momentum.with_clipping(Clipping::NormPyTorch(0.5)), 21);
}

pub fn deferred_gives_the_same_bits_everywhere() {
    same_bits_everywhere(Adam::default(), STEPS);
}

pub fn deferred_with_all_extras_gives_the_same_bits_everywhere() {
    let adam = Adam::pytorch().with_amsgrad(true).with_weight_decay(0.1);
    same_bits_everywhere(adam.with_clipping(Clipping::Norm(1.0)), STEPS);
}

pub fn lazy_gives_the_same_bits_everywhere() {
    same_bits_everywhere(Adam::default().with_update(Update::Lazy), STEPS);
}

pub fn dense_gives_the_same_bits_everywhere() {
    same_bits_everywhere(Adam::default().with_update(Update::Dense), STEPS);
}

pub fn hot_rows_sum_to_the_references_bits() {
    let width = 3;
    let config = EmbeddingConfig::new(40, width as u32).with_trainable(false);
    let embedding = GpuEmbedding::new(&context(), config, Adam::default()).unwrap();
    for count in [64, 65, 4_096, 4_097, 262_145] {
        // The hot row, with others in between and around it.
        let mut values = indices(count + 200, 40, Skew::Uniform, 1);
        let mut hot = count;
        for (position, row) in values.iter_mut().enumerate() {
            if *row == 7 {
                *row = 8;
            }
            // Every place but some, until there are `count` of them.
            if hot > 0 && (position % 97 != 5 || hot > count + 200 - position - 1) {
                *row = 7;
                hot -= 1;
            }
        }
        assert_eq!(values.iter().filter(|&&row| row == 7).count(), count);
        let gradient = whole_numbers(values.len() * width, 2);
        let expected = reference::scatter_add(&gradient, width, &values, |_| true);
        let resident = embedding.batch_from_buffer(&buffer(&values), &[values.len()]).unwrap();
        for batch in [embedding.batch(&values).unwrap(), resident] {
            let got = embedding.row_gradient(&batch, &gradient).unwrap();
            assert_eq!(got.rows, expected.rows);
            assert_same_bits(&format!("{count} lookups"), &got.sums.read().unwrap(), &expected.sums);
        }
        // With rounding too, both sorts give one order of summation.
        let gradient = fractions(values.len() * width, 3);
        let [host, resident] = [embedding.batch(&values).unwrap(), resident_batch(&embedding, &values)]
            .map(|batch| embedding.row_gradient(&batch, &gradient).unwrap().sums.read().unwrap());
        assert_same_bits(&format!("{count} fractions"), &resident, &host);
        // A CPU adds as the reference does, so there the tree itself shows; others may take denormal numbers for zero.
        if context().adapter_info().unwrap().device_type == wgpu::DeviceType::Cpu {
            let expected = reference::scatter_add(&gradient, width, &values, |_| true);
            assert_same_bits(&format!("{count} fractions, the reference"), &host, &expected.sums);
        }
    }
}

fn resident_batch(embedding: &GpuEmbedding, indices: &[u32]) -> IndexBatch {
    embedding.batch_from_buffer(&buffer(indices), &[indices.len()]).unwrap()
}

pub fn a_million_rows_train_like_a_few() {
    // More than a binding of this crate's test adapter holds; rows at both sides of every boundary there may be.
    let far: Vec<u32> =
        (0..8).flat_map(|shard| [shard * 131_072, shard * 131_072 + 131_071]).chain([999_999]).collect();
    let far: Vec<u32> = far.into_iter().filter(|&row| row < 1_000_000).collect();
    let tables = [(1_000_000, far.clone()), (far.len() as u32, (0..far.len() as u32).collect())];
    let [large, small] = tables.map(|(input_dim, rows)| {
        let config = EmbeddingConfig::new(input_dim, 64).with_initializer(Initializer::Ones);
        let mut embedding = GpuEmbedding::new(&context(), config, Adam::default()).unwrap();
        let nothing = embedding.batch::<[u32]>(&[]).unwrap();
        for step in 0..6usize {
            // Each row in two steps of six, and once twice.
            let some: Vec<u32> = rows.iter().copied().skip(step % 3).step_by(3).chain([rows[step]]).collect();
            let batch = embedding.batch(&some).unwrap();
            embedding.update(&batch, &fractions(some.len() * 64, step as u64)).unwrap();
            embedding.update(&nothing, &[]).unwrap();
        }
        let seen = bits(&embedding.rows(&rows).unwrap());
        // In pieces of 64 MiB.
        embedding.flush().unwrap();
        [seen, bits(&embedding.rows(&rows).unwrap())]
    });
    assert!(large == small);
}
