//! The adapter's copy kernel.

use std::time::{Duration, Instant};

use wgpu_embedding::{GpuContext, wgpu};

use crate::cases::{Case, wait};

/// Large enough to leave every cache.
const BYTES: u64 = 64 << 20;

pub struct Copy {
    context: GpuContext,
    quads_per_thread: u64,
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
}

impl Copy {
    /// A copy kernel whose threads copy that many quads each; `None` without a GPU.
    pub fn new(context: &GpuContext, quads_per_thread: u64) -> Option<Self> {
        let device = context.device()?;
        let module = device.create_shader_module(wgpu::include_wgsl!("copy.wgsl"));
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some("copy"),
            layout: None,
            module: &module,
            entry_point: Some("copy"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &[("QUADS", quads_per_thread as f64)],
                ..Default::default()
            },
            cache: None,
        });
        let buffer = |usage| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: BYTES,
                usage,
                mapped_at_creation: false,
            })
        };
        let source = buffer(wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST);
        // Not zeros: pages never written may all be one page.
        let values: Vec<f32> = (0..BYTES / 4).map(|value| value as f32).collect();
        context.queue()?.write_buffer(&source, 0, bytemuck::cast_slice(&values));
        let destination = buffer(wgpu::BufferUsages::STORAGE);
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: source.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 1, resource: destination.as_entire_binding() },
            ],
        });
        let mut copy = Self { context: context.clone(), quads_per_thread, pipeline, bind_group };
        copy.time(2);
        Some(copy)
    }
}

impl Copy {
    /// Bytes that it moves, in and out.
    pub fn moved(&self) -> u64 {
        2 * BYTES
    }

    /// Seconds of one, by the GPU's clock or by the host's.
    pub fn seconds(&mut self, has_clock: bool) -> f64 {
        if !has_clock {
            return self.time(4).as_secs_f64() / 4.0;
        }
        let (device, queue) = (self.context.device().unwrap(), self.context.queue().unwrap());
        let timestamps = device.create_query_set(&wgpu::QuerySetDescriptor {
            label: None,
            ty: wgpu::QueryType::Timestamp,
            count: 2,
        });
        let resolved = device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: 16,
            usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let mut encoder = device.create_command_encoder(&Default::default());
        let timestamp_writes = Some(wgpu::ComputePassTimestampWrites {
            query_set: &timestamps,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        });
        self.record(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes }));
        encoder.resolve_query_set(&timestamps, 0..2, &resolved, 0);
        queue.submit([encoder.finish()]);
        let ticks: Vec<u64> = self.context.read_buffer(&resolved).expect("timestamps");
        (ticks[1] - ticks[0]) as f64 * f64::from(queue.get_timestamp_period()) / 1e9
    }

    fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[]);
        // 4 Mi quads: 16 rows of workgroups, each a quarter of what a dimension may have, and fewer of them.
        let workgroups = (BYTES / 16 / 256 / self.quads_per_thread) as u32;
        pass.dispatch_workgroups(workgroups / 16, 16, 1);
    }
}

impl Case for Copy {
    fn name(&self) -> String {
        format!("copy/{}_quads_a_thread", self.quads_per_thread)
    }

    fn side(&self) -> &'static str {
        "gpu"
    }

    fn bytes(&self) -> u64 {
        self.moved()
    }

    fn time(&mut self, count: u64) -> Duration {
        let (device, queue) = (self.context.device().unwrap(), self.context.queue().unwrap());
        let start = Instant::now();
        for _ in 0..count {
            let mut encoder = device.create_command_encoder(&Default::default());
            self.record(&mut encoder.begin_compute_pass(&Default::default()));
            queue.submit([encoder.finish()]);
        }
        wait(&self.context);
        start.elapsed()
    }
}
