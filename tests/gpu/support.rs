//! What the GPU tests share: contexts, test data, and comparisons.
//!
//! No error handler is set: wgpu's own panics where the error arises, which is in the test that caused it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Zipf};
use wgpu_embedding::{Adam, EmbeddingConfig, GpuContext, GpuEmbedding, Mapping, Optimizer, wgpu};

/// Set to 1 where there is no adapter and none can be installed.
pub const NO_ADAPTER_SWITCH: &str = "WGPU_EMBEDDING_NO_ADAPTER";

/// The widths that the kernels' cases differ at.
pub const WIDTHS: [u32; 10] = [1, 3, 4, 5, 63, 64, 100, 128, 300, 1024];

/// What no kernel writes.
pub const POISON: f32 = -123_456.0;

/// One device for the whole binary: one for each test would spend its time compiling kernels.
pub fn context() -> GpuContext {
    static CONTEXT: OnceLock<GpuContext> = OnceLock::new();
    CONTEXT.get_or_init(new_context).clone()
}

/// `gpu` or `cpu`: how all tests' tables share their rows among threads, whatever the adapter.
const MAPPING_SWITCH: &str = "WGPU_EMBEDDING_MAPPING";

/// A context on a device of its own.
pub fn new_context() -> GpuContext {
    let context = GpuContext::gpu().unwrap_or_else(|error| {
        panic!("{error}\n(on a machine that can have no adapter, set {NO_ADAPTER_SWITCH}=1 to ignore the GPU tests)")
    });
    match std::env::var(MAPPING_SWITCH).as_deref() {
        Err(_) => context,
        Ok("gpu") => context.with_mapping(Mapping::Gpu),
        Ok("cpu") => context.with_mapping(Mapping::Cpu),
        Ok(other) => panic!("{MAPPING_SWITCH} is gpu or cpu, and not {other:?}"),
    }
}

pub fn device() -> wgpu::Device {
    context().device().unwrap().clone()
}

pub fn queue() -> wgpu::Queue {
    context().queue().unwrap().clone()
}

pub fn encoder() -> wgpu::CommandEncoder {
    device().create_command_encoder(&Default::default())
}

/// The same table on the GPU and on the reference.
pub fn pair(config: &EmbeddingConfig, adam: &Adam) -> [GpuEmbedding; 2] {
    [context(), GpuContext::reference()].map(|context| GpuEmbedding::new(&context, config.clone(), *adam).unwrap())
}

/// Adam's state.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    pub first: Vec<f32>,
    pub second: Vec<f32>,
    pub largest: Option<Vec<f32>>,
}

/// `None` of a frozen table.
pub fn moments(embedding: &GpuEmbedding) -> Option<Moments> {
    let state = |name| embedding.state(name).unwrap();
    embedding.trainable().then(|| Moments {
        first: state("exp_avg"),
        second: state("exp_avg_sq"),
        largest: adam_of(embedding).amsgrad.then(|| state("max_exp_avg_sq")),
    })
}

/// The settings of a table that Adam trains.
pub fn adam_of(embedding: &GpuEmbedding) -> Adam {
    match embedding.optimizer() {
        Optimizer::Adam(adam) => *adam,
        other => panic!("{other:?}"),
    }
}

/// A storage buffer that holds `values`.
pub fn buffer<T: bytemuck::Pod>(values: &[T]) -> wgpu::Buffer {
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    buffer_with_usage(values, usage)
}

pub fn buffer_with_usage<T: bytemuck::Pod>(values: &[T], usage: wgpu::BufferUsages) -> wgpu::Buffer {
    let bytes: &[u8] = bytemuck::cast_slice(values);
    let buffer = device().create_buffer(&wgpu::BufferDescriptor {
        label: Some("test"),
        size: bytes.len().max(16) as u64,
        usage,
        mapped_at_creation: true,
    });
    buffer.get_mapped_range_mut(..bytes.len() as u64).unwrap().copy_from_slice(bytes);
    buffer.unmap();
    buffer
}

/// The floats of a buffer with `COPY_SRC`.
pub fn read(buffer: &wgpu::Buffer) -> Vec<f32> {
    let staging = device().create_buffer(&wgpu::BufferDescriptor {
        label: Some("test readback"),
        size: buffer.size(),
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = encoder();
    encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, buffer.size());
    encoder.map_buffer_on_submit(&staging, wgpu::MapMode::Read, .., |result| result.unwrap());
    queue().submit([encoder.finish()]);
    device().poll(wgpu::PollType::wait_indefinitely()).unwrap();
    let view = staging.get_mapped_range(..).unwrap();
    bytemuck::pod_collect_to_vec(&view)
}

/// How a test's indices are spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Skew {
    Uniform,
    /// Exponent 1.05: the first rows take most of it.
    Zipf,
    /// One row, all of it.
    Equal,
}

pub const SKEWS: [Skew; 3] = [Skew::Uniform, Skew::Zipf, Skew::Equal];

pub fn indices(count: usize, input_dim: u32, skew: Skew, seed: u64) -> Vec<u32> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let zipf = Zipf::new(input_dim as f32, 1.05).unwrap();
    (0..count)
        .map(|_| match skew {
            Skew::Uniform => generator.random_range(0..input_dim),
            Skew::Zipf => (zipf.sample(&mut generator) as u32 - 1).min(input_dim - 1),
            Skew::Equal => input_dim / 2,
        })
        .collect()
}

/// Small whole numbers, whose sums are exact in any order.
pub fn whole_numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| generator.random_range(-8i32..=8) as f32).collect()
}

/// Fractions of mixed size and sign.
pub fn fractions(count: usize, seed: u64) -> Vec<f32> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| generator.random_range(-1.0f32..1.0) * 10f32.powi(generator.random_range(-4..1))).collect()
}

pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Holds `got` against `expected`, element by element, within `bound(element)`; a NaN on either side fails.
#[track_caller]
pub fn assert_close(what: &str, got: &[f32], expected: &[f32], bound: impl Fn(usize) -> f64) {
    assert_eq!(got.len(), expected.len(), "{what}: lengths");
    for (element, (&got, &expected)) in got.iter().zip(expected).enumerate() {
        let bound = bound(element);
        let difference = (f64::from(got) - f64::from(expected)).abs();
        // Not `difference > bound`, which a NaN would pass.
        assert!(difference <= bound, "{what}: element {element} is {got}, expected {expected} within {bound:e}");
    }
}

/// Bit for bit, with a message that a human can read.
#[track_caller]
pub fn assert_same_bits(what: &str, got: &[f32], expected: &[f32]) {
    assert_eq!(got.len(), expected.len(), "{what}: lengths");
    for (element, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert_eq!(got.to_bits(), expected.to_bits(), "{what}: element {element} is {got}, expected {expected}");
    }
}

/// What a call panics with.
pub fn panic_of(call: impl FnOnce()) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(call)).err()?;
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).or(Some(String::new()))
}

pub fn the_comparison_rejects_what_it_should() {
    let close = |got: f32, expected: f32, bound: f64| assert_close("case", &[0.0, got], &[0.0, expected], |_| bound);
    close(1.0, 1.0, 0.0);
    close(1.0, 1.5, 0.5);
    let rejected = [
        (1.0, 1.5, 0.4),
        (f32::NAN, 1.0, 1e9),
        (1.0, f32::NAN, 1e9),
        (f32::NAN, f32::NAN, 1e9),
        (f32::INFINITY, 1.0, 1e9),
        (1.0, 1.0, f64::NAN),
    ];
    for (got, expected, bound) in rejected {
        let message = panic_of(|| close(got, expected, bound));
        assert!(message.is_some(), "{got} passed for {expected} within {bound}");
    }
    assert!(panic_of(|| assert_close("case", &[1.0], &[1.0, 1.0], |_| 1.0)).is_some(), "another length passed");
    assert!(panic_of(|| assert_same_bits("case", &[0.0], &[-0.0])).is_some(), "-0.0 passed for 0.0");
    assert!(panic_of(|| assert_same_bits("case", &[], &[0.0])).is_some(), "another length passed");
}

pub fn the_skews_are_what_they_say() {
    let most = |skew| {
        let mut counts = vec![0; 1000];
        for index in indices(20_000, 1000, skew, 1) {
            counts[index as usize] += 1;
        }
        (counts.iter().copied().max().unwrap(), counts.iter().filter(|&&count| count > 0).count())
    };
    let (uniform, rows) = most(Skew::Uniform);
    assert!(uniform < 60 && rows == 1000);
    assert!((2_000..10_000).contains(&most(Skew::Zipf).0));
    assert_eq!(most(Skew::Equal), (20_000, 1));
}
