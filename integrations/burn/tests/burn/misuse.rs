//! Misuse: an error that says what to do, and nothing lost.

use std::sync::Arc;

use burn::prelude::*;
use burn::tensor::Gradients;
use burn_wgpu_embedding::wgpu_embedding::{
    Adam, EmbeddingConfig, Error as TableError, GpuContext, GpuEmbedding, wgpu,
};
use burn_wgpu_embedding::{Error, SharedDevice, SparseEmbedding};

use crate::support::*;

/// A shared device of the caller's own making.
fn another_device() -> SharedDevice {
    with_features(SharedDevice::required_features).unwrap()
}

fn with_features(required: impl Fn(&wgpu::Adapter) -> wgpu::Features) -> burn_wgpu_embedding::Result<SharedDevice> {
    with_limits(required, |_| {})
}

fn with_limits(
    required: impl Fn(&wgpu::Adapter) -> wgpu::Features,
    limit: impl Fn(&mut wgpu::Limits),
) -> burn_wgpu_embedding::Result<SharedDevice> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapter = block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default())).unwrap();
    let mut limits = adapter.limits();
    limit(&mut limits);
    let descriptor = wgpu::DeviceDescriptor {
        required_features: required(&adapter),
        required_limits: limits,
        ..Default::default()
    };
    let (device, queue) = block_on(adapter.request_device(&descriptor)).unwrap();
    SharedDevice::from_wgpu(instance, adapter, device, queue)
}

/// wgpu's futures are ready at once on native code.
fn block_on<F: Future>(future: F) -> F::Output {
    use std::task::{Context, Poll, Waker};
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("not ready"),
    }
}

fn step(layer: &SparseEmbedding) -> burn_wgpu_embedding::Result<()> {
    let output: Tensor<2> = layer.lookup(ints(&[1, 2], [2]))?;
    layer.update(&mut output.sum().backward())
}

#[test]
#[ignore = "needs a GPU adapter"]
fn a_device_of_ones_own_trains_as_burns_default_does() {
    let own = another_device();
    let layers = [&own, &shared()].map(|shared| SparseEmbedding::new(shared, config(), Adam::default()).unwrap());
    let outputs = [&own, &shared()].map(|shared| {
        let device = shared.device().clone().autodiff();
        Tensor::<1, Int>::from_ints([5, 6, 5], &device)
    });
    for (layer, indices) in layers.iter().zip(outputs) {
        let output: Tensor<2> = layer.lookup(indices).unwrap();
        layer.update(&mut output.powi_scalar(2).sum().backward()).unwrap();
    }
    assert_same_bits("on both", &weights(&layers[0]), &weights(&layers[1]));
    assert_ne!(own.device(), shared().device());
    // Burn's kernels would not compile on it.
    let all = std::cell::Cell::new(wgpu::Features::empty());
    let error = with_features(|adapter| {
        all.set(SharedDevice::required_features(adapter));
        wgpu::Features::empty()
    });
    // Burn's kernels are as large as the adapter allows.
    let limited =
        with_limits(SharedDevice::required_features, |limits| limits.max_compute_invocations_per_workgroup = 256);
    let refused = limited.unwrap_err();
    assert!(matches!(refused, Error::Embedding(TableError::DeviceLimit { available: 256, .. })), "{refused}");
    match all.get() {
        all if all.is_empty() => assert!(error.is_ok()),
        missing => assert_eq!(error.unwrap_err(), Error::MissingFeatures { missing }),
    }
    assert_eq!(SharedDevice::new().unwrap().device(), shared().device());
}

#[test]
#[ignore = "needs a GPU adapter"]
fn other_devices_are_errors() {
    let layer = layer();
    let other = another_device();
    let foreign = Tensor::<1, Int>::from_ints([1, 2], other.device());
    let error = layer.lookup::<1, 2>(foreign).unwrap_err();
    assert!(matches!(error, Error::OtherDevice { what: "the tensor of indices", .. }), "{error}");
    for context in [other.context().clone(), GpuContext::reference()] {
        let table = GpuEmbedding::new(&context, config(), Adam::default()).unwrap();
        let batch = table.batch(&[1, 2]).unwrap();
        let error = SparseEmbedding::from_table(&shared(), table).unwrap_err();
        assert!(matches!(error, Error::OtherDevice { what: "the table", .. }), "{error}");
        let error = layer.lookup_batch::<2>(batch).unwrap_err();
        assert!(matches!(error, Error::Embedding(TableError::BatchMismatch { .. })), "{error}");
    }
    step(&layer).unwrap();
}

#[test]
#[ignore = "needs a GPU adapter"]
fn a_wrong_number_of_dimensions_is_an_error() {
    let layer = layer();
    let expected = Error::Rank { indices: 1, required: 2, given: 3 };
    assert_eq!(layer.lookup::<1, 3>(ints(&[1], [1])).unwrap_err(), expected);
    assert_eq!(layer.lookup_batch::<3>(batch(&layer, &[1])).unwrap_err(), expected);
}

#[test]
#[ignore = "needs a GPU adapter"]
fn an_update_without_backward_is_an_error() {
    let layer = layer();
    let before = weights(&layer);
    let mut others = floats::<1>(&[1.0], [1]).require_grad().sum().backward();
    assert_eq!(layer.update(&mut others), Err(Error::NoGradient { waiting: 0 }));
    let output: Tensor<2> = layer.lookup(ints(&[1, 2], [2])).unwrap();
    assert_eq!(layer.update(&mut others), Err(Error::NoGradient { waiting: 1 }));
    // Twice with the same gradients.
    let mut gradients = output.sum().backward();
    assert_same_bits("no step so far", &weights(&layer), &before);
    layer.update(&mut gradients).unwrap();
    assert_eq!(layer.update(&mut gradients), Err(Error::NoGradient { waiting: 0 }));
    assert_eq!(layer.with_table(|table| table.step_count()), 1);
}

#[test]
#[ignore = "needs a GPU adapter"]
fn a_forgotten_update_is_an_error_in_time() {
    let layer = layer();
    let forget = || -> burn_wgpu_embedding::Result<Gradients> {
        // However many lookups a pass has, it is one.
        let outputs: [Tensor<2>; 3] = [1, 2, 3]
            .map(|row| layer.lookup(ints(&[row], [1])).unwrap_or_else(|_| floats(&[0.0; WIDTH], [1, WIDTH])));
        layer.lookup::<1, 2>(ints(&[4], [1]))?;
        Ok(Tensor::cat(outputs.to_vec(), 0).sum().backward())
    };
    let mut last = None;
    let error = (0..200).find_map(|pass| match forget() {
        Ok(gradients) => {
            last = Some((pass, gradients));
            None
        }
        Err(error) => Some(error),
    });
    assert_eq!(error, Some(Error::ForgottenUpdate { steps: 65 }));
    let (pass, mut gradients) = last.unwrap();
    assert_eq!(pass, 64);
    // The way out is what the error says.
    layer.update(&mut gradients).unwrap();
    step(&layer).unwrap();
    assert_eq!(layer.with_table(|table| table.step_count()), 2);
}

#[test]
#[ignore = "needs a GPU adapter"]
fn lookups_that_nothing_comes_of_are_forgotten() {
    let layer = layer();
    // An evaluation by the training model, without valid().
    for _ in 0..300 {
        let output: Tensor<2> = layer.lookup(ints(&[1, 2], [2])).unwrap();
        drop(output.sum());
    }
    let mut others = floats::<1>(&[1.0], [1]).require_grad().sum().backward();
    assert_eq!(layer.update(&mut others), Err(Error::NoGradient { waiting: 0 }));
    step(&layer).unwrap();
}

#[test]
#[ignore = "needs a GPU adapter"]
fn frozen_tables_are_looked_up_and_not_updated() {
    let frozen = SparseEmbedding::new(&shared(), config().with_trainable(false), Adam::default()).unwrap();
    let output: Tensor<2> = frozen.lookup(ints(&[1, 2], [2])).unwrap();
    assert!(!output.is_tracked());
    // Beside a layer that trains.
    let factor = floats::<2>(&[2.0; WIDTH], [1, WIDTH]).require_grad();
    let mut gradients = (output * factor.clone()).sum().backward();
    assert!(factor.grad(&gradients).is_some());
    assert_eq!(frozen.update(&mut gradients), Err(Error::Embedding(TableError::Frozen)));
    assert_eq!(frozen.accumulate(&mut gradients), Err(Error::Embedding(TableError::Frozen)));
}

#[test]
#[ignore = "needs a GPU adapter"]
fn one_strategy_of_checkpointing_in_a_graph() {
    let device = training_device().gradient_checkpointing();
    let indices = Tensor::<1, Int>::from_ints([1, 2, 1], &device);
    let plain = layer();
    let error = plain.lookup::<1, 2>(indices.clone()).unwrap_err();
    assert!(matches!(error, Error::Checkpointing { .. }), "{error}");

    let checkpointed = layer().with_gradient_checkpointing();
    let factor = Tensor::<2>::from_floats([[2.0; WIDTH]], &device).require_grad();
    let output: Tensor<2> = checkpointed.lookup(indices).unwrap();
    checkpointed.update(&mut (output * factor).exp().sum().backward()).unwrap();
    let output: Tensor<2> = plain.lookup(ints(&[1, 2, 1], [3])).unwrap();
    let factor = floats::<2>(&[2.0; WIDTH], [1, WIDTH]);
    plain.update(&mut (output * factor).exp().sum().backward()).unwrap();
    assert_close("with and without", &weights(&checkpointed), &weights(&plain), 1e-6);
}

#[test]
#[ignore = "needs a GPU adapter"]
fn what_is_discarded_is_gone() {
    let layer = layer();
    let before = weights(&layer);
    let pass = || -> burn_wgpu_embedding::Result<Gradients> {
        let output: Tensor<2> = layer.lookup(ints(&[1, 2], [2]))?;
        Ok(output.sum().backward())
    };
    // Steps left out until the layer asks for an update, whose gradients nobody has any more.
    while pass().is_ok() {}
    layer.discard();
    layer.accumulate(&mut pass().unwrap()).unwrap();
    let mut gradients = pass().unwrap();
    layer.discard();
    assert_eq!(layer.update(&mut gradients), Err(Error::NoGradient { waiting: 0 }));
    assert_same_bits("no step", &weights(&layer), &before);
    step(&layer).unwrap();
    assert_eq!(layer.with_table(|table| table.step_count()), 1);
}

#[test]
#[ignore = "needs a GPU adapter"]
fn a_step_past_a_binding_is_an_error_and_can_be_discarded() {
    let config = EmbeddingConfig::new(10, 1_000);
    let layer = SparseEmbedding::new(&shared(), config, Adam::default()).unwrap();
    let limit = shared().context().device().unwrap().limits().max_storage_buffer_binding_size;
    let count = (limit / 4_000 / 2 + 1) as usize;
    let batch = Arc::new(layer.with_table(|table| table.batch(&vec![1; count])).unwrap());
    // Each fits a binding, and both do not.
    for _ in 0..2 {
        let output: Tensor<2> = layer.lookup_batch(batch.clone()).unwrap();
        layer.accumulate(&mut output.sum().backward()).unwrap();
    }
    let output: Tensor<2> = layer.lookup(ints(&[1], [1])).unwrap();
    let error = layer.update(&mut output.sum().backward()).unwrap_err();
    assert!(matches!(error, Error::Embedding(TableError::TooLarge { .. })), "{error}");
    layer.discard();
    step(&layer).unwrap();
}

/// A batch whose buffer cannot be copied is looked up, and updated alone, but not joined to others.
#[test]
#[ignore = "needs a GPU adapter"]
fn a_failed_update_loses_no_gradient() {
    let layer = layer();
    let device = shared().context().device().unwrap().clone();
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
    let buffer =
        device.create_buffer(&wgpu::BufferDescriptor { label: None, size: 8, usage, mapped_at_creation: false });
    let resident = || layer.with_table(|table| table.batch_from_buffer(&buffer, &[2])).unwrap();
    let before = weights(&layer);
    let outputs: [Tensor<2>; 2] = [(); 2].map(|()| layer.lookup_batch(resident()).unwrap());
    let mut gradients = Tensor::cat(outputs.to_vec(), 0).sum().backward();
    let mut others = floats::<1>(&[1.0], [1]).require_grad().sum().backward();
    // They wait, and are there at the next call.
    for gradients in [&mut gradients, &mut others] {
        let error = layer.update(gradients).unwrap_err();
        assert!(matches!(error, Error::Embedding(TableError::BufferUsage { .. })), "{error}");
    }
    assert_same_bits("no step", &weights(&layer), &before);
    assert_eq!(layer.with_table(|table| table.step_count()), 0);
    layer.discard();
    step(&layer).unwrap();
}

#[test]
#[ignore = "needs a GPU adapter"]
fn a_table_in_anothers_place_takes_no_gradient_of_it() {
    let layer = layer();
    let output: Tensor<2> = layer.lookup(ints(&[1, 2], [2])).unwrap();
    let other = EmbeddingConfig::new(ROWS, 3);
    let other = GpuEmbedding::new(shared().context(), other, Adam::default()).unwrap();
    layer.with_table(|table| *table = other);
    assert_eq!(layer.update(&mut output.sum().backward()), Err(Error::NoGradient { waiting: 0 }));
    step(&layer).unwrap();
}

#[test]
#[ignore = "needs a GPU adapter"]
#[should_panic(expected = "inside of its own with_table")]
fn an_embedding_in_its_own_hands_does_not_wait_for_ever() {
    let layer = layer();
    layer.with_table(|_| layer.to_string());
}
