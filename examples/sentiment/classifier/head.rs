//! The head on the GPU: its buffers and pipelines, and how its passes are recorded. What they compute is in head.wgsl.

use wgpu_embedding::IndexBatch;
use wgpu_embedding::wgpu;
use wgpu_embedding::wgpu::util::{BufferInitDescriptor, DeviceExt};

use super::AdamStep;
use crate::Result;
use crate::bindings::{bind, storage_layout};
use crate::training::LENGTH;

/// Threads in a workgroup, as in head.wgsl.
const THREADS: u32 = 64;

/// What the shader's `Batch` has before its labels.
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct BatchHeader {
    first_outcome: u32,
    step: AdamStep,
}

/// A batch's own bind group.
pub struct BoundBatch {
    bind_group: wgpu::BindGroup,
    sentences: u32,
}

/// See the module.
pub struct Head {
    /// What `record_lookup` fills: `[sentences, LENGTH, dim]`.
    pub words: wgpu::Buffer,
    /// What `record_update` takes: `[sentences, LENGTH, dim]`.
    pub gradient: wgpu::Buffer,
    /// An [`Outcome`](super::Outcome) a sentence, in the order in which they were submitted.
    pub outcomes: wgpu::Buffer,
    forward: wgpu::ComputePipeline,
    backward: wgpu::ComputePipeline,
    update: wgpu::ComputePipeline,
    parameters: u32,
    /// The buffers that stay, bound once.
    model: wgpu::BindGroup,
    batch_layout: wgpu::BindGroupLayout,
}

impl Head {
    /// `parameters` are `dim` weights and the bias.
    pub fn new(device: &wgpu::Device, parameters: &[f32], batch_size: usize, max_outcomes: usize) -> Self {
        let dim = parameters.len() - 1;
        let floats = |label, count: usize, usage| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size: count as u64 * 4,
                usage: wgpu::BufferUsages::STORAGE | usage,
                mapped_at_creation: false,
            })
        };
        let none = wgpu::BufferUsages::empty();
        let words = floats("words", batch_size * LENGTH * dim, none);
        let gradient = floats("gradient", batch_size * LENGTH * dim, none);
        let means = floats("means", batch_size * dim, none);
        let outcomes = floats("outcomes", max_outcomes * 2, wgpu::BufferUsages::COPY_SRC);
        // New buffers are zero, as Adam's moments must be.
        let moments = floats("moments", parameters.len() * 2, none);
        let parameter_buffer = device.create_buffer_init(&BufferInitDescriptor {
            label: Some("parameters"),
            contents: bytemuck::cast_slice(parameters),
            usage: wgpu::BufferUsages::STORAGE,
        });

        // Written out, because the three pipelines share the bind groups: the layouts that wgpu derives of a shader fit
        // one pipeline alone. 8 storage buffers, as many as WebGPU grants.
        let model_layout = storage_layout(device, "head", (0..).zip([true, false, false, false, false, false]));
        let batch_layout = storage_layout(device, "head batch", [(0, true), (1, true)]);
        let model = [&words, &gradient, &means, &outcomes, &parameter_buffer, &moments];
        let model = bind(device, &model_layout, (0..).zip(model.map(wgpu::Buffer::as_entire_binding)));
        let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("head"),
            bind_group_layouts: &[Some(&model_layout), Some(&batch_layout)],
            immediate_size: 0,
        });
        let shader = device.create_shader_module(wgpu::include_wgsl!("head.wgsl"));
        let pipeline = |entry_point| {
            device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(entry_point),
                layout: Some(&layout),
                module: &shader,
                entry_point: Some(entry_point),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants: &[("DIM", dim as f64), ("LENGTH", LENGTH as f64)],
                    ..Default::default()
                },
                cache: None,
            })
        };
        Self {
            forward: pipeline("forward"),
            backward: pipeline("backward"),
            update: pipeline("update"),
            words,
            gradient,
            outcomes,
            parameters: parameters.len() as u32,
            model,
            batch_layout,
        }
    }

    /// Binds a batch's indices, and uploads what else the head is to know of it. Into a new buffer: one that is written
    /// again for each batch, through the queue, would be wrong as soon as two batches are recorded before a submission.
    pub fn bind(
        &self,
        device: &wgpu::Device,
        batch: &IndexBatch,
        first_outcome: u32,
        step: AdamStep,
        labels: &[f32],
    ) -> Result<BoundBatch> {
        let indices = batch.index_buffer().ok_or("the batch is not on a GPU")?;
        let mut contents = bytemuck::bytes_of(&BatchHeader { first_outcome, step }).to_vec();
        contents.extend_from_slice(bytemuck::cast_slice(labels));
        let buffer = device.create_buffer_init(&BufferInitDescriptor {
            label: Some("head batch"),
            contents: &contents,
            usage: wgpu::BufferUsages::STORAGE,
        });
        let bind_group =
            bind(device, &self.batch_layout, [(0, buffer.as_entire_binding()), (1, indices.as_binding())]);
        Ok(BoundBatch { bind_group, sentences: labels.len() as u32 })
    }

    /// Records the outcomes of the words looked up.
    pub fn record_forward(&self, encoder: &mut wgpu::CommandEncoder, batch: &BoundBatch) {
        self.record(encoder, batch, &[(&self.forward, batch.sentences)]);
    }

    /// Records the outcomes, the words' gradient, and the update of the head's own parameters.
    pub fn record_training(&self, encoder: &mut wgpu::CommandEncoder, batch: &BoundBatch) {
        let dispatches = [
            (&self.forward, batch.sentences),
            (&self.backward, batch.sentences),
            // After backward, which reads the parameters that the outcomes come of.
            (&self.update, self.parameters.div_ceil(THREADS)),
        ];
        self.record(encoder, batch, &dispatches);
    }

    /// One pass; wgpu makes each dispatch see what the ones before it wrote.
    fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        batch: &BoundBatch,
        dispatches: &[(&wgpu::ComputePipeline, u32)],
    ) {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_bind_group(0, &self.model, &[]);
        pass.set_bind_group(1, &batch.bind_group, &[]);
        for (pipeline, workgroups) in dispatches {
            pass.set_pipeline(pipeline);
            pass.dispatch_workgroups(*workgroups, 1, 1);
        }
    }
}
