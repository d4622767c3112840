use wgpu_embedding::{Adam, Backend, EmbeddingConfig, Error, GpuContext, GpuEmbedding, wgpu};

use crate::support::*;

/// A device as a caller's own code would make it.
fn own_device(limits: wgpu::Limits) -> (wgpu::Adapter, wgpu::Device, wgpu::Queue) {
    own_device_with(limits, wgpu::Features::empty())
}

/// With those of the features that the adapter has.
fn own_device_with(limits: wgpu::Limits, features: wgpu::Features) -> (wgpu::Adapter, wgpu::Device, wgpu::Queue) {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    pollster::block_on(async {
        let adapter = instance.request_adapter(&Default::default()).await.unwrap();
        let required_features = features & adapter.features();
        let descriptor = wgpu::DeviceDescriptor { required_limits: limits, required_features, ..Default::default() };
        let (device, queue) = adapter.request_device(&descriptor).await.unwrap();
        (adapter, device, queue)
    })
}

pub fn the_context_describes_itself() {
    let context = context();
    let Backend::Gpu(backend) = context.backend() else { panic!("not a GPU") };
    let line = context.to_string();
    let info = context.adapter_info().unwrap();
    let limits = context.device().unwrap().limits();
    let binding = format!("bindings of {} MiB", limits.max_storage_buffer_binding_size >> 20);
    for part in [&info.name, &info.driver_info, &format!("{backend:?}"), &binding] {
        assert!(line.contains(part.as_str()), "{line} lacks {part}");
    }
    assert!(!line.contains('\n'));
    // What auto finds is what gpu finds; and the async forms find it too.
    assert_eq!(GpuContext::auto().unwrap().backend(), context.backend());
    assert_eq!(pollster::block_on(GpuContext::gpu_async()).unwrap().backend(), context.backend());
    assert_eq!(pollster::block_on(GpuContext::auto_async()).unwrap().backend(), context.backend());
}

pub fn a_callers_own_device_will_do() {
    // With WebGPU's default limits: no feature and no more than that is needed.
    let (adapter, device, queue) = own_device(wgpu::Limits::default());
    let context = GpuContext::from_wgpu(&adapter, device, queue).unwrap();
    let mut embedding = GpuEmbedding::new(&context, EmbeddingConfig::new(100, 7), Adam::default()).unwrap();
    let batch = embedding.batch(&[1, 2, 1]).unwrap();
    let output = embedding.lookup(&batch).unwrap();
    embedding.update(&batch, &output).unwrap();
    let mut twin =
        GpuEmbedding::new(&GpuContext::reference(), EmbeddingConfig::new(100, 7), Adam::default()).unwrap();
    let batch = twin.batch(&[1, 2, 1]).unwrap();
    let output = twin.lookup(&batch).unwrap();
    twin.update(&batch, &output).unwrap();
    assert_close("own device", &embedding.weights().unwrap(), &twin.weights().unwrap(), |_| 1e-8);
}

pub fn kernels_are_timed_in_the_order_of_their_dispatches() {
    let (adapter, device, queue) = own_device_with(wgpu::Limits::default(), wgpu::Features::TIMESTAMP_QUERY);
    let context = GpuContext::from_wgpu(&adapter, device, queue).unwrap();
    let without = GpuContext::gpu().unwrap().start_kernel_times();
    assert_eq!(without, Err(Error::NoTimestamps), "a context asks for no feature that it can do without");
    assert!(matches!(GpuContext::reference().start_kernel_times(), Err(Error::NeedsGpu { .. })));
    assert_eq!(context.take_kernel_times().unwrap(), [], "nothing was timed");
    if !adapter.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
        assert_eq!(context.start_kernel_times(), Err(Error::NoTimestamps));
        return;
    }
    let mut embedding = GpuEmbedding::new(&context, EmbeddingConfig::new(1_000, 64), Adam::default()).unwrap();
    let batch = embedding.batch(&indices(5_000, 1_000, Skew::Zipf, 1)).unwrap();
    let output = embedding.lookup(&batch).unwrap();
    context.start_kernel_times().unwrap();
    let again = embedding.lookup(&batch).unwrap();
    embedding.update(&batch, &output).unwrap();
    let times = context.take_kernel_times().unwrap();
    let kernels: Vec<_> = times.iter().map(|time| time.kernel).collect();
    assert_eq!(kernels[0], "gather_deferred");
    assert!(kernels.contains(&"partial_sums") && kernels.contains(&"update_rows"), "{kernels:?}");
    for pair in times.windows(2) {
        assert!(pair[0].begin <= pair[1].begin && pair[0].begin <= pair[0].end, "{times:?}");
    }
    assert!(times.iter().any(|time| !time.duration().is_zero()));
    assert_same_bits("timed or not", &again.read().unwrap(), &output.read().unwrap());
    embedding.lookup(&batch).unwrap();
    assert_eq!(context.take_kernel_times().unwrap(), [], "nothing is timed any longer");

    // Of a recording that is never submitted there is no time, and nobody waits for it.
    let buffer = context.device().unwrap().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 5_000 * 64 * 4,
        usage: wgpu::BufferUsages::STORAGE,
        mapped_at_creation: false,
    });
    context.start_kernel_times().unwrap();
    let mut dropped = context.device().unwrap().create_command_encoder(&Default::default());
    embedding.record_lookup(&mut dropped, &batch, &buffer).unwrap();
    drop(dropped);
    embedding.update(&batch, &output).unwrap();
    let again: Vec<_> = context.take_kernel_times().unwrap().iter().map(|time| time.kernel).collect();
    assert_eq!(again, kernels[1..]);
}

pub fn a_device_with_too_low_limits_is_refused() {
    let limits = wgpu::Limits { max_compute_workgroup_size_x: 128, ..wgpu::Limits::default() };
    let (adapter, device, queue) = own_device(limits);
    let error = GpuContext::from_wgpu(&adapter, device, queue).unwrap_err();
    assert_eq!(error, Error::DeviceLimit { limit: "max_compute_workgroup_size_x", required: 256, available: 128 });
}

pub fn uncaught_errors_fail_the_test() {
    let message = panic_of(|| {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::MAP_WRITE;
        buffer_with_usage(&[0u32], usage);
    });
    assert!(message.is_some(), "a validation error went unnoticed");
}

pub fn a_callers_encoder_and_buffer() {
    let context = context();
    let (source, target) = (buffer(&[1.0f32, 2.0, 3.0, 4.0]), buffer(&[0.0f32; 4]));
    let mut encoder = encoder();
    encoder.copy_buffer_to_buffer(&source, 4, &target, 0, 12);
    context.submit(encoder).unwrap();
    assert_eq!(context.read_buffer::<f32>(&target).unwrap(), [2.0, 3.0, 4.0, 0.0]);
    assert_eq!(context.read_buffer::<[u32; 3]>(target.slice(4..)).unwrap(), [[3.0f32, 4.0, 0.0].map(f32::to_bits)]);
    assert_eq!(pollster::block_on(context.read_buffer_async::<u8>(target.slice(8..10))).unwrap(), [0, 0]);
    assert!(matches!(context.read_buffer::<u8>(target.slice(3..)), Err(Error::BufferAlignment { .. })));
    let unreadable = buffer_with_usage(&[0u32; 4], wgpu::BufferUsages::STORAGE);
    assert!(matches!(context.read_buffer::<u32>(&unreadable), Err(Error::BufferUsage { .. })));
    let on_the_reference = GpuContext::reference().read_buffer::<u32>(&target);
    assert!(matches!(on_the_reference, Err(Error::NeedsGpu { .. })));

    // An invalid command is an error here, not a panic: the copy runs past the end.
    let mut encoder = device().create_command_encoder(&Default::default());
    encoder.copy_buffer_to_buffer(&source, 0, &target, 0, 64);
    assert!(matches!(context.submit(encoder), Err(Error::Device { .. })));
}
