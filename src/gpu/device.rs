//! One device and queue with what is shared by all tables on it: compiled pipelines and the submission throttle.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use super::grid;
use super::kernel::{GROUPS, Kernel};
use super::mapping::Mapping;
use super::profile::Profile;
use crate::error::{Error, Result};
use crate::shader::{Access, Binding};

/// Host-driven calls leave at most this many submissions unfinished, so that a loop which reads nothing back cannot
/// pile up work and memory without bound.
const MAX_SUBMISSIONS_IN_FLIGHT: usize = 16;

/// What the kernels need, or may need at most, as WebGPU's defaults grant it: (limit, needed, granted).
fn required_limits(limits: &wgpu::Limits) -> [(&'static str, u64, u64); 6] {
    [
        ("max_bind_groups", 3, limits.max_bind_groups.into()),
        ("max_storage_buffers_per_shader_stage", 8, limits.max_storage_buffers_per_shader_stage.into()),
        ("max_uniform_buffers_per_shader_stage", 4, limits.max_uniform_buffers_per_shader_stage.into()),
        ("max_compute_workgroup_size_x", grid::WORKGROUP_SIZE.into(), limits.max_compute_workgroup_size_x.into()),
        (
            "max_compute_invocations_per_workgroup",
            grid::WORKGROUP_SIZE.into(),
            limits.max_compute_invocations_per_workgroup.into(),
        ),
        ("max_compute_workgroups_per_dimension", 65_535, limits.max_compute_workgroups_per_dimension.into()),
    ]
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Gpu {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub limits: wgpu::Limits,
    pub info: wgpu::AdapterInfo,
    pub mapping: Mapping,
    pipelines: Mutex<HashMap<PipelineKey, Arc<Pipeline>>>,
    layouts: Mutex<HashMap<LayoutKey, wgpu::BindGroupLayout>>,
    in_flight: Mutex<VecDeque<wgpu::SubmissionIndex>>,
    /// What is timed, where something is.
    pub(super) profile: Mutex<Option<Profile>>,
    /// Why the device was lost, once it is; known for devices of this crate's own.
    lost: Arc<OnceLock<String>>,
}

/// The addresses of the kernel's parts, which are statics, tell its composition; the constants are kept by their bits, for
/// f64 has no `Eq`.
type PipelineKey = (Vec<usize>, Vec<(&'static str, u64)>);

/// Each binding's number, use and size.
type LayoutKey = Vec<(u32, Access, u64)>;

/// The value of an `override` constant.
pub(crate) type Constant = (&'static str, f64);

pub(crate) fn constant(name: &'static str, value: u32) -> Constant {
    (name, value.into())
}

/// What is bound under a name.
pub(crate) type Resource<'a> = (&'static str, wgpu::BufferBinding<'a>);

/// A compiled kernel.
#[derive(Debug)]
pub(crate) struct Pipeline {
    name: &'static str,
    pub groups: [Vec<&'static Binding>; GROUPS],
    pipeline: wgpu::ComputePipeline,
}

/// One dispatch, checked and ready to be recorded, as often as one likes.
#[derive(Debug, Clone)]
pub(crate) struct Dispatch {
    pipeline: Arc<Pipeline>,
    /// Group 0, 1, 2; `None` where the kernel has none of that number.
    groups: [Option<wgpu::BindGroup>; GROUPS],
    grid: [u32; 2],
}

impl Gpu {
    /// Takes a device over, if the kernels can run on it.
    pub(crate) fn new(info: wgpu::AdapterInfo, device: wgpu::Device, queue: wgpu::Queue) -> Result<Self> {
        let limits = device.limits();
        for (limit, required, available) in required_limits(&limits) {
            if available < required {
                return Err(Error::DeviceLimit { limit, required, available });
            }
        }
        Ok(Self {
            device,
            queue,
            limits,
            mapping: Mapping::of(info.device_type),
            info,
            pipelines: Mutex::default(),
            layouts: Mutex::default(),
            in_flight: Mutex::default(),
            profile: Mutex::default(),
            lost: Arc::default(),
        })
    }

    /// The same device with another mapping of its tables' rows.
    pub(crate) fn with_mapping(&self, mapping: Mapping) -> Self {
        Self {
            device: self.device.clone(),
            queue: self.queue.clone(),
            limits: self.limits.clone(),
            info: self.info.clone(),
            mapping,
            pipelines: Mutex::default(),
            layouts: Mutex::default(),
            in_flight: Mutex::default(),
            profile: Mutex::default(),
            lost: self.lost.clone(),
        }
    }

    /// Learns of the loss of a device of this crate's own: wgpu keeps one callback, and a caller's device may have the
    /// caller's.
    pub(crate) fn watch(&self) {
        let lost = self.lost.clone();
        self.device.set_device_lost_callback(move |reason, message| {
            // The first reason is the one.
            let _ = lost.set(format!("{reason:?}: {message}"));
        });
    }

    /// A kernel compiled with these values of its constants. There may be others among them, of which it has none.
    pub(crate) fn pipeline(&self, kernel: &Kernel, constants: &[Constant]) -> Result<Arc<Pipeline>> {
        let value = |name| {
            let found = constants.iter().find(|(given, _)| *given == name);
            found.unwrap_or_else(|| panic!("{}: no value for {name}", kernel.name())).1
        };
        let constants: Vec<Constant> = kernel.constants().map(|name| (name, value(name))).collect();
        let addresses = kernel.parts().iter().map(|part| std::ptr::from_ref(*part) as usize).collect();
        let key = (addresses, constants.iter().map(|&(name, value)| (name, value.to_bits())).collect());
        if let Some(pipeline) = lock(&self.pipelines).get(&key) {
            return Ok(pipeline.clone());
        }
        let (pipeline, error) = self.scoped(|| self.compile(kernel, &constants));
        if let Some(error) = error {
            return Err(Error::Device { doing: "compiling a kernel", reason: error.to_string() });
        }
        Ok(lock(&self.pipelines).entry(key).or_insert(Arc::new(pipeline)).clone())
    }

    fn compile(&self, kernel: &Kernel, constants: &[Constant]) -> Pipeline {
        let label = Some(kernel.name());
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label,
            source: wgpu::ShaderSource::Wgsl(kernel.source().into()),
        });
        let groups = [0, 1, 2].map(|group| kernel.bindings(group));
        let layouts: Vec<_> =
            groups.iter().map(|bindings| (!bindings.is_empty()).then(|| self.bind_group_layout(bindings))).collect();
        let used = groups.iter().rposition(|bindings| !bindings.is_empty()).map_or(0, |last| last + 1);
        let layouts: Vec<_> = layouts[..used].iter().map(Option::as_ref).collect();
        let layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &layouts,
            immediate_size: 0,
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: Some(&layout),
            module: &module,
            entry_point: Some(kernel.name()),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants,
                // The kernels initialise their workgroup memory themselves; on Metal one thread would do it alone.
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        });
        Pipeline { name: kernel.name(), groups, pipeline }
    }

    /// The layout of a group; made once, for wgpu compares layouts by their contents.
    pub(super) fn bind_group_layout(&self, bindings: &[&Binding]) -> wgpu::BindGroupLayout {
        let layout = || {
            let entry = |binding: &&Binding| wgpu::BindGroupLayoutEntry {
                binding: binding.number,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: match binding.access {
                        Access::Uniform => wgpu::BufferBindingType::Uniform,
                        Access::Read => wgpu::BufferBindingType::Storage { read_only: true },
                        Access::ReadWrite => wgpu::BufferBindingType::Storage { read_only: false },
                    },
                    has_dynamic_offset: false,
                    min_binding_size: wgpu::BufferSize::new(binding.size),
                },
                count: None,
            };
            let entries: Vec<_> = bindings.iter().map(entry).collect();
            self.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries })
        };
        let key = bindings.iter().map(|binding| (binding.number, binding.access, binding.size)).collect();
        lock(&self.layouts).entry(key).or_insert_with(layout).clone()
    }

    /// A group of a kernel: to each of its bindings the resource of its name. There may be others among them.
    ///
    /// # Errors
    ///
    /// As [`bind_group`](Self::bind_group).
    pub(crate) fn bind(
        &self,
        pipeline: &Pipeline,
        group: usize,
        resources: &[Resource<'_>],
    ) -> Result<wgpu::BindGroup> {
        self.bind_group(pipeline.name, &pipeline.groups[group], resources)
    }

    /// Binds the resource of its name to each binding of a group.
    ///
    /// # Errors
    ///
    /// [`Error::ForeignObject`] if wgpu refuses a resource: sizes and usages were checked before, so it is of
    /// another device, or destroyed.
    pub(crate) fn bind_group(
        &self,
        what: &'static str,
        bindings: &[&Binding],
        resources: &[Resource<'_>],
    ) -> Result<wgpu::BindGroup> {
        let resource = |binding: &&Binding| {
            let found = resources.iter().find(|(name, _)| *name == binding.name);
            let (_, resource) = found.unwrap_or_else(|| panic!("{what}: nothing to bind to {}", binding.name));
            wgpu::BindGroupEntry {
                binding: binding.number,
                resource: wgpu::BindingResource::Buffer(resource.clone()),
            }
        };
        let entries: Vec<_> = bindings.iter().map(resource).collect();
        let (group, error) = self.scoped(|| {
            let layout = self.bind_group_layout(bindings);
            self.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some(what),
                layout: &layout,
                entries: &entries,
            })
        });
        match error {
            None => Ok(group),
            Some(error) => Err(Error::ForeignObject { what, reason: error.to_string() }),
        }
    }

    /// Prepares a dispatch of `workgroups` workgroups with a kernel's bind groups.
    pub(crate) fn dispatch(
        &self,
        pipeline: &Arc<Pipeline>,
        groups: [Option<&wgpu::BindGroup>; GROUPS],
        workgroups: u64,
    ) -> Result<Dispatch> {
        let grid = grid::fold(pipeline.name, workgroups)?;
        for (number, bindings) in pipeline.groups.iter().enumerate() {
            assert_eq!(bindings.is_empty(), groups[number].is_none(), "{}: group {number}", pipeline.name);
        }
        Ok(Dispatch { pipeline: pipeline.clone(), groups: groups.map(|group| group.cloned()), grid })
    }

    /// The same for a kernel that has group 0 alone.
    pub(crate) fn dispatch_alone(
        &self,
        pipeline: &Arc<Pipeline>,
        resources: &[Resource<'_>],
        workgroups: u64,
    ) -> Result<Dispatch> {
        self.dispatch(pipeline, [Some(&self.bind(pipeline, 0, resources)?), None, None], workgroups)
    }

    /// Runs wgpu calls and gives the error they raised, if any, in place of wgpu's own handler.
    ///
    /// On native wgpu knows the error at once. In a browser it comes later, and is not seen here.
    pub(crate) fn scoped<T>(&self, call: impl FnOnce() -> T) -> (T, Option<wgpu::Error>) {
        let scopes = [wgpu::ErrorFilter::Validation, wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Internal]
            .map(|filter| self.device.push_error_scope(filter));
        let value = call();
        let error = scopes.into_iter().rev().filter_map(|scope| now(scope.pop()).flatten()).last();
        (value, error)
    }

    pub(crate) fn encoder(&self, label: &str) -> wgpu::CommandEncoder {
        self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some(label) })
    }

    /// Records dispatches in one compute pass, between what `before` and `after` record on the encoder itself.
    ///
    /// # Errors
    ///
    /// [`Error::ForeignObject`] where wgpu refuses at once. What is wrong with the encoder itself, that it is of another
    /// device or has a pass still open, wgpu tells when it is finished.
    pub(crate) fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        label: &'static str,
        dispatches: &[Dispatch],
        before: impl FnOnce(&mut wgpu::CommandEncoder),
        after: impl FnOnce(&mut wgpu::CommandEncoder),
    ) -> Result<()> {
        let timing = self.timing(dispatches)?;
        let ((), error) = self.scoped(|| {
            before(encoder);
            match timing {
                Some(timing) => timing.record(encoder, dispatches),
                None if dispatches.is_empty() => {}
                None => record_pass(encoder, label, dispatches),
            }
            after(encoder);
        });
        match error {
            None => Ok(()),
            Some(error) => Err(Error::ForeignObject { what: "the encoder", reason: error.to_string() }),
        }
    }

    /// Submits one encoder's work, waiting first where too much is unfinished already.
    pub(crate) fn submit(&self, encoder: wgpu::CommandEncoder) -> Result<()> {
        if let Some(reason) = self.lost.get() {
            return Err(Error::Device { doing: "submitting work to a lost device", reason: reason.clone() });
        }
        let (submission, error) = self.scoped(|| self.queue.submit([encoder.finish()]));
        if let Some(error) = error {
            return Err(Error::Device { doing: "submitting work", reason: error.to_string() });
        }
        let mut in_flight = lock(&self.in_flight);
        in_flight.push_back(submission);
        if in_flight.len() > MAX_SUBMISSIONS_IN_FLIGHT {
            let oldest = in_flight.pop_front();
            drop(in_flight);
            // In a browser this returns at once; there the browser itself holds back.
            self.device
                .poll(wgpu::PollType::Wait { submission_index: oldest, timeout: None })
                .map_err(|error| Error::Device { doing: "waiting for earlier work", reason: error.to_string() })?;
        }
        Ok(())
    }
}

fn record_pass(encoder: &mut wgpu::CommandEncoder, label: &'static str, dispatches: &[Dispatch]) {
    let descriptor = wgpu::ComputePassDescriptor { label: Some(label), timestamp_writes: None };
    let mut pass = encoder.begin_compute_pass(&descriptor);
    dispatches.iter().for_each(|dispatch| dispatch.record(&mut pass));
}

impl Dispatch {
    /// The kernel's name.
    pub(super) fn kernel(&self) -> &'static str {
        self.pipeline.name
    }

    pub(super) fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        pass.set_pipeline(&self.pipeline.pipeline);
        for (number, group) in (0..).zip(&self.groups) {
            if group.is_some() {
                pass.set_bind_group(number, group, &[]);
            }
        }
        pass.dispatch_workgroups(self.grid[0], self.grid[1], 1);
    }
}

/// Locks, also after a panic elsewhere: what these locks guard is whole at every moment.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A future's value, if it has one already.
fn now<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
