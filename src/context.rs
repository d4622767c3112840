//! Where tables live: a GPU, or the CPU reference.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::gpu::device::Gpu;
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::device::lock;
use crate::gpu::mapping::Mapping;
use crate::gpu::profile::KernelTime;
use crate::gpu::readback::{PIECE_BYTES, Waiting};
use crate::gpu::region::BufferRegion;

/// A GPU device and queue, or the CPU reference, for any number of tables.
///
/// Cloning is cheap, and the clones are the same context.
///
/// | made by | with an adapter | without one |
/// |---|---|---|
/// | [`auto`](Self::auto) | that adapter | the CPU reference, after one warning in the log |
/// | [`gpu`](Self::gpu) | that adapter | an error that says what to install |
/// | [`reference`](Self::reference) | the CPU reference | the CPU reference |
/// | [`from_wgpu`](Self::from_wgpu) | the caller's own device | |
///
/// `auto` and `gpu` honour wgpu's own environment variables: `WGPU_BACKEND` (`vulkan`, `metal`, `dx12`, `gl`, several
/// with commas), `WGPU_ADAPTER_NAME` (part of a name, in any case) and `WGPU_POWER_PREF` (`low` or `high`; high unless
/// set). Of several adapters they take one that is hardware before one that is software.
///
/// ```
/// use wgpu_embedding::GpuContext;
///
/// let context = GpuContext::auto()?;
/// println!("training on {context}");
/// # Ok::<(), wgpu_embedding::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct GpuContext {
    gpu: Option<Arc<Gpu>>,
}

/// What computes a context's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// A GPU, through this backend of wgpu.
    Gpu(wgpu::Backend),
    /// The CPU reference.
    Reference,
}

impl GpuContext {
    /// A context on the best adapter there is, or on the CPU reference if there is none.
    ///
    /// The fallback is never silent: it logs one warning with the reason, and [`backend`](Self::backend) says
    /// [`Backend::Reference`].
    ///
    /// # Errors
    ///
    /// As [`gpu`](Self::gpu), but for [`Error::NoAdapter`]. An adapter that is there and fails is an error, not a
    /// fallback; so is `WGPU_ADAPTER_NAME` set to a name that no adapter has ([`Error::AdapterNotFound`]).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn auto() -> Result<Self> {
        pollster::block_on(Self::auto_async())
    }

    /// The async form of [`auto`](Self::auto).
    pub async fn auto_async() -> Result<Self> {
        match Self::gpu_async().await {
            Err(Error::NoAdapter { reason }) => {
                log::warn!(
                    "computing on the CPU reference, for no GPU adapter was found ({reason}); install your GPU's Vulkan, \
                     Metal or DX12 driver, or on Linux the software adapter (Debian and Ubuntu: mesa-vulkan-drivers)"
                );
                Ok(Self::reference())
            }
            result => result,
        }
    }

    /// A context on the best adapter there is; never falls back.
    ///
    /// Asks the adapter for its own limits, so that tables and batches may be as large as it can hold.
    ///
    /// # Errors
    ///
    /// [`Error::NoAdapter`] says what to install; [`Error::AdapterNotFound`], [`Error::NoDevice`] and
    /// [`Error::DeviceLimit`] if there is an adapter that will not do.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn gpu() -> Result<Self> {
        pollster::block_on(Self::gpu_async())
    }

    /// The async form of [`gpu`](Self::gpu).
    pub async fn gpu_async() -> Result<Self> {
        let adapter = request_adapter().await?;
        let info = adapter.get_info();
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("wgpu-embedding"),
            required_limits: adapter.limits(),
            ..Default::default()
        };
        let (device, queue) = adapter
            .request_device(&descriptor)
            .await
            .map_err(|error| Error::NoDevice { adapter: info.name.clone(), reason: error.to_string() })?;
        let gpu = Gpu::new(info, device, queue)?;
        gpu.watch();
        Ok(Self { gpu: Some(Arc::new(gpu)) })
    }

    /// A context on the device that the caller's own code uses.
    ///
    /// `device` and `queue` are handles: clone them. No feature is needed; of the limits, those of
    /// `wgpu::Limits::default()` suffice, and `adapter.limits()` allow larger tables and batches.
    ///
    /// Buffers and encoders given to the tables of this context must be of this device. Of another device of the same
    /// `wgpu::Instance`, they are an error; of another instance, wgpu itself cannot tell, and panics or mistakes them.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceLimit`] if the device was requested with limits below what the kernels need.
    pub fn from_wgpu(adapter: &wgpu::Adapter, device: wgpu::Device, queue: wgpu::Queue) -> Result<Self> {
        Ok(Self { gpu: Some(Arc::new(Gpu::new(adapter.get_info(), device, queue)?)) })
    }

    /// A context on the CPU reference, asked for by name.
    pub fn reference() -> Self {
        Self { gpu: None }
    }

    /// A context of its own on the same device, whose tables share their rows among threads in this way; the CPU reference
    /// as it is.
    ///
    /// Tables have the same bits with every mapping (see [`Mapping`]). The adapter's type chooses one unless this is called,
    /// and nearly always well: this is for measuring, and for tests on a software adapter of what GPUs will run. As of two contexts, batches of
    /// one are not for tables of the other.
    #[must_use]
    pub fn with_mapping(&self, mapping: Mapping) -> Self {
        Self { gpu: self.gpu.as_ref().map(|gpu| Arc::new(gpu.with_mapping(mapping))) }
    }

    /// From now on the GPU's own time of each kernel that this context's calls record is taken, until
    /// [`take_kernel_times`](Self::take_kernel_times). For measuring alone: each kernel gets a pass of its own. Once
    /// 2,048 are timed, later calls are not.
    ///
    /// # Errors
    ///
    /// [`Error::NeedsGpu`] on the CPU reference; [`Error::NoTimestamps`] if the device was made without
    /// `wgpu::Features::TIMESTAMP_QUERY`, as [`gpu`](Self::gpu) does: request it, and use [`from_wgpu`](Self::from_wgpu).
    pub fn start_kernel_times(&self) -> Result<()> {
        self.gpu.as_ref().ok_or(Error::NeedsGpu { call: "start_kernel_times" })?.start_timing()
    }

    /// The times of the kernels that were recorded since [`start_kernel_times`](Self::start_kernel_times), in that order,
    /// and submitted by now. Blocks until the GPU has computed them. Nothing is timed any longer.
    ///
    /// # Errors
    ///
    /// [`Error::NeedsGpu`] on the CPU reference; [`Error::OutOfMemory`]; [`Error::Device`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn take_kernel_times(&self) -> Result<Vec<KernelTime>> {
        let gpu = self.gpu.as_ref().ok_or(Error::NeedsGpu { call: "take_kernel_times" })?;
        crate::gpu::readback::block_on(|waiting| gpu.take_times(waiting))
    }

    /// The async form of [`take_kernel_times`](Self::take_kernel_times).
    pub async fn take_kernel_times_async(&self) -> Result<Vec<KernelTime>> {
        let gpu = self.gpu.as_ref().ok_or(Error::NeedsGpu { call: "take_kernel_times" })?;
        gpu.take_times(Waiting::Yield).await
    }

    /// What computes this context's calls.
    pub fn backend(&self) -> Backend {
        self.gpu.as_ref().map_or(Backend::Reference, |gpu| Backend::Gpu(gpu.info.backend))
    }

    /// The device, unless this is the CPU reference.
    pub fn device(&self) -> Option<&wgpu::Device> {
        self.gpu.as_ref().map(|gpu| &gpu.device)
    }

    /// The queue, unless this is the CPU reference.
    pub fn queue(&self) -> Option<&wgpu::Queue> {
        self.gpu.as_ref().map(|gpu| &gpu.queue)
    }

    /// The adapter, unless this is the CPU reference.
    pub fn adapter_info(&self) -> Option<&wgpu::AdapterInfo> {
        self.gpu.as_ref().map(|gpu| &gpu.info)
    }

    /// Submits one encoder's work, as the queue's own `submit` does, but leaves no more than a few submissions
    /// unfinished: past that it waits for the oldest.
    ///
    /// A training loop that reads nothing back should submit through this, or hold back in its own way; otherwise it
    /// queues work, and holds memory, without bound.
    ///
    /// # Errors
    ///
    /// [`Error::NeedsGpu`] on the CPU reference; [`Error::Device`] with what wgpu says if the encoder holds an invalid
    /// command or the device was lost.
    pub fn submit(&self, encoder: wgpu::CommandEncoder) -> Result<()> {
        self.gpu.as_ref().ok_or(Error::NeedsGpu { call: "submit" })?.submit(encoder)
    }

    /// Reads a part of a caller's own buffer back, after all that was submitted before. Blocks.
    ///
    /// The buffer needs the usage `COPY_SRC`; the region's offset must be a multiple of 4. Gives as many whole `T` as
    /// the region holds; of a buffer whose size is no multiple of 4, the last bytes cannot be read.
    ///
    /// # Errors
    ///
    /// [`Error::NeedsGpu`] on the CPU reference; [`Error::BufferUsage`]; [`Error::BufferAlignment`];
    /// [`Error::Device`] if the device was lost.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn read_buffer<'a, T: bytemuck::Pod>(&self, region: impl Into<BufferRegion<'a>>) -> Result<Vec<T>> {
        crate::gpu::readback::block_on(|waiting| self.read_buffer_with(region.into(), waiting))
    }

    /// The async form of [`read_buffer`](Self::read_buffer).
    pub async fn read_buffer_async<'a, T: bytemuck::Pod>(
        &self,
        region: impl Into<BufferRegion<'a>>,
    ) -> Result<Vec<T>> {
        self.read_buffer_with(region.into(), Waiting::Yield).await
    }

    async fn read_buffer_with<T: bytemuck::Pod>(&self, region: BufferRegion<'_>, waiting: Waiting) -> Result<Vec<T>> {
        let gpu = self.gpu.as_ref().ok_or(Error::NeedsGpu { call: "read_buffer" })?;
        region.check_copy("reading back", 0)?;
        let (offset, alignment) = (region.offset, wgpu::COPY_BUFFER_ALIGNMENT);
        if size_of::<T>() == 0 {
            return Ok(Vec::new());
        }
        let count = region.size / size_of::<T>() as u64;
        let size = count * size_of::<T>() as u64;
        let mut bytes = Vec::with_capacity(size as usize);
        // Copies are of whole words; wgpu's buffers may end between two.
        let end = (offset + size.next_multiple_of(alignment)).min(region.buffer.size() / 4 * 4);
        gpu.read(region.buffer, offset..end, PIECE_BYTES, waiting, |piece| bytes.extend_from_slice(piece)).await?;
        bytes.truncate(size as usize);
        Ok(bytemuck::pod_collect_to_vec(&bytes[..bytes.len() / size_of::<T>() * size_of::<T>()]))
    }

    pub(crate) fn inner(&self) -> Option<&Arc<Gpu>> {
        self.gpu.as_ref()
    }
}

/// Whether both are clones of one context; the CPU reference is always the same.
impl PartialEq for GpuContext {
    fn eq(&self, other: &Self) -> bool {
        match (&self.gpu, &other.gpu) {
            (None, None) => true,
            (Some(this), Some(that)) => Arc::ptr_eq(this, that),
            _ => false,
        }
    }
}

impl Eq for GpuContext {}

impl fmt::Display for GpuContext {
    /// One line: the adapter, its driver and backend, and the limits that matter here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(gpu) = &self.gpu else { return f.write_str("CPU reference (no GPU)") };
        let wgpu::AdapterInfo { name, driver, driver_info, backend, device_type, .. } = &gpu.info;
        write!(f, "{name} ({device_type:?}; {driver} {driver_info}; {backend:?}; ")?;
        let mebibytes = |bytes: u64| bytes >> 20;
        write!(
            f,
            "bindings of {} MiB, buffers of {} MiB)",
            mebibytes(gpu.limits.max_storage_buffer_binding_size),
            mebibytes(gpu.limits.max_buffer_size)
        )
    }
}

/// `WGPU_ADAPTER_NAME`, if it is set.
fn wanted_adapter() -> Option<String> {
    std::env::var("WGPU_ADAPTER_NAME").ok().filter(|name| !name.is_empty()).map(|name| name.to_lowercase())
}

/// One instance for all contexts of a process, so that wgpu can tell the objects of their devices apart: handed a buffer
/// of another instance, it panics, or takes one of its own for it.
#[cfg(not(target_arch = "wasm32"))]
fn instance(descriptor: wgpu::InstanceDescriptor) -> wgpu::Instance {
    use std::sync::Mutex;
    // By what was asked for, should the environment change.
    static INSTANCES: Mutex<Vec<(wgpu::Backends, wgpu::InstanceFlags, wgpu::Instance)>> = Mutex::new(Vec::new());
    let mut instances = lock(&INSTANCES);
    let (backends, flags) = (descriptor.backends, descriptor.flags);
    if let Some((.., instance)) = instances.iter().find(|held| held.0 == backends && held.1 == flags) {
        return instance.clone();
    }
    let instance = wgpu::Instance::new(descriptor);
    instances.push((backends, flags, instance.clone()));
    instance
}

#[cfg(target_arch = "wasm32")]
fn instance(descriptor: wgpu::InstanceDescriptor) -> wgpu::Instance {
    wgpu::Instance::new(descriptor)
}

async fn request_adapter() -> Result<wgpu::Adapter> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    // The kernels are compute shaders with storage buffers; wgpu's GL backend has them on few drivers, and its absence
    // must not read as an adapter that fails. It is tried where it is asked for.
    if wgpu::Backends::from_env().is_none() {
        descriptor.backends = wgpu::Backends::PRIMARY;
    }
    // Where the driver can tell, what does not fit is an error and does not drive out everything else.
    descriptor.memory_budget_thresholds.for_resource_creation.get_or_insert(95);
    let backends = descriptor.backends;
    let instance = instance(descriptor);
    if let Some(wanted) = wanted_adapter() {
        // Not wgpu::util::initialize_adapter_from_env: that panics where no adapter has the name.
        let adapters = instance.enumerate_adapters(backends).await;
        if adapters.is_empty() {
            return Err(Error::NoAdapter { reason: "no backend has one".to_owned() });
        }
        let found = adapters.iter().map(|adapter| adapter.get_info().name).collect();
        return adapters
            .into_iter()
            .find(|adapter| adapter.get_info().name.to_lowercase().contains(&wanted))
            .ok_or(Error::AdapterNotFound { wanted, found });
    }
    let options = wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::from_env().unwrap_or(wgpu::PowerPreference::HighPerformance),
        ..Default::default()
    };
    instance.request_adapter(&options).await.map_err(|error| Error::NoAdapter { reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_says_what_it_is() {
        let context = GpuContext::reference();
        assert_eq!(context.backend(), Backend::Reference);
        assert_eq!(context.to_string(), "CPU reference (no GPU)");
        assert!(context.device().is_none() && context.queue().is_none() && context.adapter_info().is_none());
    }
}
