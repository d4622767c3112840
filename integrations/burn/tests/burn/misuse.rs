//! Misuse: an error that says what to do, and nothing lost.

use burn::prelude::*;
use burn::tensor::Gradients;
use burn_wgpu_embedding::wgpu_embedding::{Adam, Error as TableError, GpuContext, GpuEmbedding, wgpu};
use burn_wgpu_embedding::{Error, SharedDevice, SparseEmbedding};

use crate::support::*;

/// A shared device of the caller's own making.
fn another_device() -> SharedDevice {
    with_features(SharedDevice::required_features).unwrap()
}

fn with_features(required: impl Fn(&wgpu::Adapter) -> wgpu::Features) -> burn_wgpu_embedding::Result<SharedDevice> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapter = block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default())).unwrap();
    let descriptor = wgpu::DeviceDescriptor {
        required_features: required(&adapter),
        required_limits: adapter.limits(),
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
