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

impl Case for Copy {
    fn name(&self) -> String {
        format!("copy/{}_quads_a_thread", self.quads_per_thread)
    }

    fn side(&self) -> &'static str {
        "gpu"
    }

    fn bytes(&self) -> u64 {
        2 * BYTES
    }

    fn time(&mut self, count: u64) -> Duration {
        let (device, queue) = (self.context.device().unwrap(), self.context.queue().unwrap());
        let start = Instant::now();
        for _ in 0..count {
            let mut encoder = device.create_command_encoder(&Default::default());
            {
                let mut pass = encoder.begin_compute_pass(&Default::default());
                pass.set_pipeline(&self.pipeline);
                pass.set_bind_group(0, &self.bind_group, &[]);
                // 4 Mi quads: 16 rows of workgroups, each a quarter of what a dimension may have, and fewer of them.
                let workgroups = (BYTES / 16 / 256 / self.quads_per_thread) as u32;
                pass.dispatch_workgroups(workgroups / 16, 16, 1);
            }
            queue.submit([encoder.finish()]);
        }
        wait(&self.context);
        start.elapsed()
    }
}
