//! From Burn's tensors to wgpu's buffers, and back.
//!
//! Burn holds work back twice: fusion keeps operations until a result is asked for, and CubeCL keeps kernels until it has
//! many, and gives memory that those kernels still use to new tensors. So before a submission that reads a tensor of Burn's,
//! or writes one, what computes it is run ([`resolve_float`], [`resolve_int`]); and CubeCL submits the kernels that it holds
//! back, of the calling thread and of the tensor's own, when it says where a tensor lies ([`Memory::of`]). Whatever Burn
//! submits afterwards comes later in the one queue, so nothing need be waited for.

use std::any::Any;

use burn::backend::fusion::custom::StreamId;
use burn::backend::fusion::{NoOp, get_client};
use burn::backend::ir::{BackendIr, InitOperationIr, OperationIr, OperationOutput};
use burn::backend::{BackendTypes, Cube, DispatchDevice};
use burn::tensor::{DType, Device, Int, Shape, Tensor};
use burn_cubecl::cubecl::wgpu::{AutoCompiler, WgpuServer};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeBackend, CubeDevice};
use wgpu_embedding::{BufferRegion, wgpu};

use crate::error::{Error, Result};

/// A float tensor as Burn's backend has it: a promise of one.
pub(crate) type LazyFloat = <Cube as BackendTypes>::FloatTensorPrimitive;

/// The device as Burn's backend has it, of a [`SharedDevice`](crate::SharedDevice).
pub(crate) fn backend_device(device: &Device) -> CubeDevice {
    match device.clone().without_autodiff().as_dispatch() {
        DispatchDevice::Cube(device) => device.clone(),
        #[allow(unreachable_patterns, reason = "reached in no build, but a program may have other backends")]
        _ => unreachable!("a shared device is one of wgpu's"),
    }
}

/// Runs what computes the indices, and gives them row-major: copied on the device where Burn has them otherwise.
pub(crate) fn resolve_int<const D: usize>(indices: Tensor<D, Int>) -> Result<CubeTensor> {
    let lazy = indices.without_autodiff().try_into_primitive::<Cube>().map_err(refused("taking the indices"))?;
    let client = lazy.client.clone();
    Ok(into_contiguous(client.resolve_tensor_int::<CubeBackend>(lazy)))
}

/// Runs what computes the floats, and gives them row-major: copied on the device where Burn has them otherwise.
pub(crate) fn resolve_float(values: Tensor<2>) -> Result<CubeTensor> {
    let lazy = values.without_autodiff().try_into_primitive::<Cube>().map_err(refused("taking the gradient"))?;
    let client = lazy.client.clone();
    Ok(into_contiguous(client.resolve_tensor_float::<CubeBackend>(lazy)))
}

/// Memory of Burn's for `shape` f32, row-major, its contents still to be written.
pub(crate) fn allocate(device: &CubeDevice, shape: Shape) -> CubeTensor {
    let client = device.client();
    let handle = client.empty(shape.num_elements() * size_of::<f32>());
    CubeTensor::new_contiguous(client, device.clone(), shape, handle, DType::F32)
}

/// The tensor for Burn's operations.
pub(crate) fn into_lazy(tensor: CubeTensor) -> LazyFloat {
    let client = get_client::<CubeBackend>(&tensor.device);
    let (shape, dtype) = (tensor.meta.shape().clone(), tensor.dtype);
    let handle = CubeBackend::float_tensor_handle(tensor);
    let operation = InitOperationIr::create(shape, dtype, || client.register_tensor_handle(handle));
    client.register(StreamId::current(), OperationIr::Init(operation), NoOp::<CubeBackend>::new()).output()
}

/// Where a tensor lies; while this is held, its memory is neither moved nor used for anything else.
pub(crate) struct Memory {
    buffer: wgpu::Buffer,
    offset: u64,
    bytes: u64,
    _pin: Box<dyn Any>,
}

impl Memory {
    /// Of a row-major tensor. From here on, what is submitted comes after what Burn has done with its memory so far.
    pub(crate) fn of(tensor: &CubeTensor) -> Result<Self> {
        let pin = tensor
            .client
            .get_resource::<WgpuServer<AutoCompiler>>(tensor.handle.clone())
            .map_err(refused("handing a tensor's memory out"))?;
        let (buffer, offset) = (pin.resource().buffer.clone(), pin.resource().offset);
        let bytes = (tensor.meta.shape().num_elements() * tensor.dtype.size()) as u64;
        Ok(Self { buffer, offset, bytes, _pin: Box::new(pin) })
    }

    pub(crate) fn region(&self) -> BufferRegion<'_> {
        self.buffer.slice(self.offset..self.offset + self.bytes).into()
    }
}

fn refused<E: std::fmt::Debug>(doing: &'static str) -> impl Fn(E) -> Error {
    move |error| {
        // Of Burn's many lines, those before where it was in its own code.
        let error = format!("{error:?}");
        let lines = error.lines().map(str::trim).take_while(|line| !line.starts_with("Backtrace"));
        let reason = lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
        Error::Burn { doing, reason }
    }
}
