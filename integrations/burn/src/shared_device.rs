//! One wgpu device for Burn and for the tables.

use std::sync::{Mutex, PoisonError};

use burn::tensor::Device;
use burn::tensor::wgpu::{WgpuInitError, WgpuSetup};
use wgpu_embedding::{GpuContext, wgpu};

use crate::error::{Error, Result};

/// One wgpu device, as Burn knows it and as the tables do: tensors and tables on it share its queue and its memory.
///
/// Cloning is cheap, and the clones are the same device.
///
/// ```
/// use burn::tensor::Tensor;
/// use burn_wgpu_embedding::SharedDevice;
///
/// let shared = SharedDevice::new()?;
/// println!("training on {}", shared.context());
/// let device = shared.device().clone().autodiff(); // for the model's own layers
/// let ones = Tensor::<1>::ones([3], &device);
/// assert_eq!(ones.sum().into_scalar::<f32>(), 3.0);
/// # Ok::<(), burn_wgpu_embedding::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SharedDevice {
    context: GpuContext,
    device: Device,
}

impl SharedDevice {
    /// Burn's default adapter, with every feature of it that Burn uses; the same device each time.
    ///
    /// Burn chooses the adapter: the most powerful one, or what `CUBECL_WGPU_DEFAULT_DEVICE` names (`IntegratedGpu(1)`,
    /// `Cpu`). The first call must come before any tensor on Burn's default wgpu device, which could then be shared no more.
    ///
    /// # Errors
    ///
    /// [`Error::Setup`] if there is no adapter, or Burn already has its device; what
    /// [`GpuContext::from_wgpu`](wgpu_embedding::GpuContext::from_wgpu) gives if the device's limits do not suffice.
    pub fn new() -> Result<Self> {
        static SHARED: Mutex<Option<SharedDevice>> = Mutex::new(None);
        // What the lock guards is whole at every moment.
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = &*shared {
            return Ok(shared.clone());
        }
        let (device, setup) = Device::wgpu_options().init_with_setup().map_err(no_setup)?;
        let context = GpuContext::from_wgpu(&setup.adapter, setup.device, setup.queue)?;
        Ok(shared.insert(Self { context, device }).clone())
    }

    /// The caller's own device and queue.
    ///
    /// Burn compiles its kernels for what the adapter has, so `device` must have been requested with
    /// [`required_features`](Self::required_features) and with `required_limits: adapter.limits()`. Call it once for a device
    /// and clone the result: each call makes another Burn device, with memory of its own.
    ///
    /// With Burn's features `vulkan` or `metal` its compilers use extensions of the device that wgpu's own `request_device` does
    /// not enable, and that cannot be checked here: use [`new`](Self::new) then.
    ///
    /// ```
    /// use burn_wgpu_embedding::SharedDevice;
    /// use burn_wgpu_embedding::wgpu_embedding::wgpu;
    ///
    /// async fn shared(instance: wgpu::Instance) -> Result<SharedDevice, Box<dyn std::error::Error>> {
    ///     let adapter = instance.request_adapter(&Default::default()).await?;
    ///     let descriptor = wgpu::DeviceDescriptor {
    ///         required_features: SharedDevice::required_features(&adapter), // and what your own passes need
    ///         required_limits: adapter.limits(),
    ///         ..Default::default()
    ///     };
    ///     let (device, queue) = adapter.request_device(&descriptor).await?;
    ///     Ok(SharedDevice::from_wgpu(instance, adapter, device.clone(), queue.clone())?)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::MissingFeatures`]; [`DeviceLimit`](wgpu_embedding::Error::DeviceLimit) where a limit that Burn's kernels are
    /// made for is below the adapter's; [`Error::Setup`] where Burn cannot use the device; as for
    /// [`GpuContext::from_wgpu`](wgpu_embedding::GpuContext::from_wgpu).
    pub fn from_wgpu(
        instance: wgpu::Instance,
        adapter: wgpu::Adapter,
        device: wgpu::Device,
        queue: wgpu::Queue,
    ) -> Result<Self> {
        let missing = Self::required_features(&adapter) - device.features();
        if !missing.is_empty() {
            return Err(Error::MissingFeatures { missing });
        }
        check_limits(&adapter.limits(), &device.limits())?;
        let context = GpuContext::from_wgpu(&adapter, device.clone(), queue.clone())?;
        let backend = adapter.get_info().backend;
        let setup = WgpuSetup { instance, adapter, device, queue, backend };
        let device = Device::wgpu_options().setup(setup).init();
        let device = device.map_err(|error| Error::Setup { reason: error.to_string() })?;
        Ok(Self { context, device })
    }

    /// The features that a device of this adapter must be requested with: those that Burn's kernels use wherever the adapter
    /// has them.
    pub fn required_features(adapter: &wgpu::Adapter) -> wgpu::Features {
        use wgpu::Features;
        adapter.features()
            & (Features::SHADER_INT64
                | Features::SHADER_F64
                | Features::SHADER_F16
                | Features::SHADER_FLOAT32_ATOMIC
                | Features::SUBGROUP
                | Features::TIMESTAMP_QUERY)
    }

    /// The device as tables know it.
    pub fn context(&self) -> &GpuContext {
        &self.context
    }

    /// The device as Burn knows it, without autodiff: `shared.device().clone().autodiff()` trains.
    pub fn device(&self) -> &Device {
        &self.device
    }
}

/// Checks the limits that Burn takes from the adapter.
fn check_limits(adapter: &wgpu::Limits, device: &wgpu::Limits) -> Result<()> {
    let limits = |limits: &wgpu::Limits| {
        [
            ("max_compute_invocations_per_workgroup", limits.max_compute_invocations_per_workgroup),
            ("max_compute_workgroup_size_x", limits.max_compute_workgroup_size_x),
            ("max_compute_workgroup_size_y", limits.max_compute_workgroup_size_y),
            ("max_compute_workgroup_size_z", limits.max_compute_workgroup_size_z),
            ("max_compute_workgroup_storage_size", limits.max_compute_workgroup_storage_size),
            ("max_compute_workgroups_per_dimension", limits.max_compute_workgroups_per_dimension),
            ("max_storage_buffers_per_shader_stage", limits.max_storage_buffers_per_shader_stage),
        ]
    };
    for ((limit, required), (_, available)) in limits(adapter).into_iter().zip(limits(device)) {
        if available < required {
            let (required, available) = (required.into(), available.into());
            return Err(wgpu_embedding::Error::DeviceLimit { limit, required, available }.into());
        }
    }
    Ok(())
}

fn no_setup(error: WgpuInitError) -> Error {
    let reason = format!(
        "{error}. If a tensor was made on Burn's default wgpu device before, make the SharedDevice first; if there is no \
         adapter, install your GPU's Vulkan, Metal or DX12 driver, or on Linux the software adapter (Debian and Ubuntu: the \
         package mesa-vulkan-drivers)"
    );
    Error::Setup { reason }
}
