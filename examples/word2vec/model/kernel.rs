//! The loss on the GPU: its buffers and pipeline, and how its pass is recorded. What it computes is in pairs.wgsl.

use wgpu_embedding::IndexBatch;
use wgpu_embedding::wgpu;
use wgpu_embedding::wgpu::util::{BufferInitDescriptor, DeviceExt};

use crate::Result;
use crate::blocks::{Layout, NEGATIVES, TARGETS};

/// For rows in pieces of four floats, and of one.
const SOURCES: [&str; 2] = [
    concat!(include_str!("vec4.wgsl"), include_str!("pairs.wgsl")),
    concat!(include_str!("scalar.wgsl"), include_str!("pairs.wgsl")),
];

/// How large the batches are, and what the loss depends on.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub dim: usize,
    pub window: usize,
    /// Negative samples a pair.
    pub negative: u32,
    /// Blocks in a batch, at most.
    pub blocks: usize,
    /// Blocks until the losses are taken, at most.
    pub losses: usize,
}

/// See the module.
pub struct Kernel {
    /// What `record_lookup` fills: `[inputs, dim]` and `[outputs, dim]`.
    pub input_rows: wgpu::Buffer,
    pub output_rows: wgpu::Buffer,
    /// What `record_update` takes, of the same shapes.
    pub input_gradient: wgpu::Buffer,
    pub output_gradient: wgpu::Buffer,
    /// A float a block, in the order in which they were submitted.
    pub losses: wgpu::Buffer,
    pipeline: wgpu::ComputePipeline,
    /// The buffers that stay, bound once.
    rows: wgpu::BindGroup,
    batch_layout: wgpu::BindGroupLayout,
}

impl Kernel {
    pub fn new(device: &wgpu::Device, shape: Shape) -> Self {
        let buffer = |label, floats: usize, usage| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size: floats as u64 * 4,
                usage: wgpu::BufferUsages::STORAGE | usage,
                mapped_at_creation: false,
            })
        };
        let inputs = shape.blocks * (TARGETS + 2 * shape.window) * shape.dim;
        let outputs = shape.blocks * (TARGETS + NEGATIVES) * shape.dim;
        let none = wgpu::BufferUsages::empty();
        let input_rows = buffer("input rows", inputs, none);
        let output_rows = buffer("output rows", outputs, none);
        let input_gradient = buffer("input gradient", inputs, none);
        let output_gradient = buffer("output gradient", outputs, none);
        let losses = buffer("losses", shape.losses, wgpu::BufferUsages::COPY_SRC);

        // 8 storage buffers, as many as WebGPU grants.
        let rows_layout = storage_layout(device, "word2vec rows", &[true, true, false, false, false]);
        let batch_layout = storage_layout(device, "word2vec batch", &[true, true, true]);
        let rows = [&input_rows, &output_rows, &input_gradient, &output_gradient, &losses];
        let rows = bind(device, &rows_layout, &rows.map(wgpu::Buffer::as_entire_binding));
        let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("word2vec"),
            bind_group_layouts: &[Some(&rows_layout), Some(&batch_layout)],
            immediate_size: 0,
        });
        let (source, pieces) = match shape.dim % 4 {
            0 => (SOURCES[0], shape.dim / 4),
            _ => (SOURCES[1], shape.dim),
        };
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("word2vec"),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        });
        let constants = [
            ("PIECES", pieces as f64),
            ("WINDOW", shape.window as f64),
            ("NEGATIVE_WEIGHT", f64::from(shape.negative) / NEGATIVES as f64),
        ];
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some("word2vec"),
            layout: Some(&layout),
            module: &module,
            entry_point: Some("pairs"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &constants,
                // The shader reads nothing there that it has not written.
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        });
        Self { input_rows, output_rows, input_gradient, output_gradient, losses, pipeline, rows, batch_layout }
    }

    /// Uploads how a batch's lookups belong together, and binds it. Into new buffers: ones that are written again for each
    /// batch, through the queue, would be wrong as soon as two batches are recorded before a submission.
    pub fn bind(
        &self,
        device: &wgpu::Device,
        layout: &Layout,
        outputs: &IndexBatch,
        first_loss: u32,
    ) -> Result<wgpu::BindGroup> {
        let output_words = outputs.index_buffer().ok_or("the batch is not on a GPU")?;
        let upload = |label, contents: &[u8]| {
            let usage = wgpu::BufferUsages::STORAGE;
            device.create_buffer_init(&BufferInitDescriptor { label: Some(label), contents, usage })
        };
        let mut blocks = bytemuck::bytes_of(&first_loss).to_vec();
        blocks.extend_from_slice(bytemuck::cast_slice(&layout.blocks));
        let blocks = upload("word2vec batch", &blocks);
        let windows = upload("windows", bytemuck::cast_slice(&layout.windows));
        let resources = [blocks.as_entire_binding(), windows.as_entire_binding(), output_words.as_binding()];
        Ok(bind(device, &self.batch_layout, &resources))
    }

    /// Records the loss of the rows looked up, and its gradients.
    pub fn record(&self, encoder: &mut wgpu::CommandEncoder, batch: &wgpu::BindGroup, blocks: usize) {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.rows, &[]);
        pass.set_bind_group(1, batch, &[]);
        pass.dispatch_workgroups(blocks as u32, 1, 1);
    }
}

/// A layout of storage buffers, each read-only or not.
fn storage_layout(device: &wgpu::Device, label: &str, read_only: &[bool]) -> wgpu::BindGroupLayout {
    let entries: Vec<_> = (0..)
        .zip(read_only)
        .map(|(binding, &read_only)| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        })
        .collect();
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(label), entries: &entries })
}

fn bind(
    device: &wgpu::Device,
    layout: &wgpu::BindGroupLayout,
    resources: &[wgpu::BindingResource<'_>],
) -> wgpu::BindGroup {
    let entries: Vec<_> = (0..)
        .zip(resources)
        .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource: resource.clone() })
        .collect();
    device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocks::MAX_WINDOW;

    /// Without a GPU: what the shader is validated for is WebGPU's core, and its constants are those of the host.
    #[test]
    fn the_shader_is_valid_and_agrees_with_the_host() {
        for source in SOURCES {
            let module = naga::front::wgsl::parse_str(source).unwrap_or_else(|error| panic!("{error}"));
            let (flags, none) = (naga::valid::ValidationFlags::all(), naga::valid::Capabilities::empty());
            naga::valid::Validator::new(flags, none).validate(&module).unwrap_or_else(|error| panic!("{error}"));
            let bound = module.global_variables.iter().filter(|(_, variable)| variable.binding.is_some());
            assert_eq!(bound.count(), 8);
            let mut layouter = naga::proc::Layouter::default();
            layouter.update(module.to_ctx()).unwrap();
            let shared = module.global_variables.iter().filter(|(_, v)| v.space == naga::AddressSpace::WorkGroup);
            let bytes: u32 = shared.map(|(_, variable)| layouter[variable.ty].size).sum();
            assert!(bytes <= 16_384, "{bytes}");
            for (name, value) in [("TARGETS", TARGETS), ("NEGATIVES", NEGATIVES), ("MAX_WINDOW", MAX_WINDOW)] {
                assert!(source.contains(&format!("const {name}: u32 = {value}u;")), "{name}");
            }
        }
    }
}
