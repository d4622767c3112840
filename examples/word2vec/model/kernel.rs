//! The loss on the GPU: its buffers and pipelines, and how its passes are recorded. What they compute is in
//! block.wgsl.

use wgpu_embedding::wgpu;
use wgpu_embedding::wgpu::util::{BufferInitDescriptor, DeviceExt};

use crate::bindings::{bind, storage_layout};
use crate::blocks::{Layout, NEGATIVES, TARGETS};

macro_rules! source {
    ($pieces:literal) => {
        concat!(
            include_str!($pieces),
            include_str!("block.wgsl"),
            include_str!("scores.wgsl"),
            include_str!("gradients.wgsl")
        )
    };
}

/// For rows in pieces of four floats, and of one.
const SOURCES: [&str; 2] = [source!("vec4.wgsl"), source!("scalar.wgsl")];

/// How large the batches are, and what the loss depends on.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub dim: usize,
    pub window: usize,
    /// Negative samples a pair.
    pub negative: u32,
    /// Blocks in a batch, at most.
    pub blocks: usize,
}

/// Rows in a tile, as in block.wgsl.
const TILE: usize = 8;

/// Tiles whose gradients a workgroup makes, as in gradients.wgsl: GRADIENT_THREADS / COLUMNS.
const TILES_A_GROUP: usize = 2;

/// Blocks whose losses fit, at least; a batch may be larger.
const LOSSES: usize = 1 << 16;

/// See the module.
pub struct Kernel {
    /// What `record_lookup` fills: `[inputs, dim]` and `[outputs, dim]`.
    pub input_rows: wgpu::Buffer,
    pub output_rows: wgpu::Buffer,
    /// What `record_update` takes, of the same shapes.
    pub input_gradient: wgpu::Buffer,
    pub output_gradient: wgpu::Buffer,
    /// `input_tiles` floats a block, in the order in which the blocks were submitted.
    pub losses: wgpu::Buffer,
    /// Blocks whose losses fit.
    pub max_losses: usize,
    /// Tiles that a block's inputs make, at most.
    pub input_tiles: usize,
    scores: Pass,
    gradients: Pass,
    /// The rows and the errors, bound once.
    rows: wgpu::BindGroup,
    batch_layout: wgpu::BindGroupLayout,
}

/// An entry point of the shader, with the buffers that are its own.
struct Pass {
    pipeline: wgpu::ComputePipeline,
    own: wgpu::BindGroup,
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
        let none = wgpu::BufferUsages::empty();
        let gradient = if cfg!(test) { wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST } else { none };
        let inputs = shape.blocks * (TARGETS + 2 * shape.window) * shape.dim;
        let outputs = shape.blocks * (TARGETS + NEGATIVES) * shape.dim;
        let input_tiles = (TARGETS + 2 * shape.window).div_ceil(TILE);
        let max_losses = shape.blocks.max(LOSSES);
        let input_rows = buffer("input rows", inputs, none);
        let output_rows = buffer("output rows", outputs, none);
        let input_gradient = buffer("input gradient", inputs, gradient);
        let output_gradient = buffer("output gradient", outputs, gradient);
        let errors = buffer("errors", shape.blocks * input_tiles * TILE * (TARGETS + NEGATIVES), none);
        let losses = buffer("losses", max_losses * input_tiles, wgpu::BufferUsages::COPY_SRC);

        let rows_layout = storage_layout(device, "word2vec rows", [(0, true), (1, true), (2, false)]);
        let batch_layout = storage_layout(device, "word2vec batch", [(0, true), (1, true), (2, true)]);
        let rows =
            bind(device, &rows_layout, [(0, whole(&input_rows)), (1, whole(&output_rows)), (2, whole(&errors))]);
        let (source, pieces) = match shape.dim % 4 {
            0 => (SOURCES[0], shape.dim / 4),
            _ => (SOURCES[1], shape.dim),
        };
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("word2vec"),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        });
        // With its own, a pass has at most 8 storage buffers, as many as WebGPU grants.
        let pass = |entry_point, constants: &[(&str, f64)], own: &[(u32, &wgpu::Buffer)]| {
            let own_layout = storage_layout(device, entry_point, own.iter().map(|&(binding, _)| (binding, false)));
            let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: Some(entry_point),
                bind_group_layouts: &[Some(&rows_layout), Some(&batch_layout), Some(&own_layout)],
                immediate_size: 0,
            });
            let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(entry_point),
                layout: Some(&layout),
                module: &module,
                entry_point: Some(entry_point),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants,
                    // The shader reads nothing there that it has not written.
                    zero_initialize_workgroup_memory: false,
                },
                cache: None,
            });
            let own = own.iter().map(|&(binding, buffer)| (binding, whole(buffer)));
            Pass { pipeline, own: bind(device, &own_layout, own) }
        };
        let pieces = ("PIECES", pieces as f64);
        let tiles = ("INPUT_TILES", input_tiles as f64);
        let weight = ("NEGATIVE_WEIGHT", f64::from(shape.negative) / NEGATIVES as f64);
        let window = ("WINDOW", shape.window as f64);
        Self {
            scores: pass("scores", &[pieces, tiles, weight], &[(0, &losses)]),
            gradients: pass("gradients", &[pieces, tiles, window], &[(1, &input_gradient), (2, &output_gradient)]),
            input_rows,
            output_rows,
            input_gradient,
            output_gradient,
            losses,
            max_losses,
            input_tiles,
            rows,
            batch_layout,
        }
    }

    /// Uploads how a batch's lookups belong together, and binds it. Into new buffers: ones that are written again for
    /// each batch, through the queue, would be wrong as soon as two batches are recorded before a submission.
    pub fn bind(&self, device: &wgpu::Device, layout: &Layout, first_loss: u32) -> wgpu::BindGroup {
        let upload = |label, contents: &[u8]| {
            let usage = wgpu::BufferUsages::STORAGE;
            device.create_buffer_init(&BufferInitDescriptor { label: Some(label), contents, usage })
        };
        let mut blocks = bytemuck::bytes_of(&first_loss).to_vec();
        blocks.extend_from_slice(bytemuck::cast_slice(&layout.blocks));
        let blocks = upload("word2vec batch", &blocks);
        let windows = upload("windows", bytemuck::cast_slice(&layout.windows));
        let targets = upload("targets", bytemuck::cast_slice(&layout.targets));
        bind(device, &self.batch_layout, [(0, whole(&blocks)), (1, whole(&windows)), (2, whole(&targets))])
    }

    /// Records the loss of the rows looked up, and its gradients.
    pub fn record(&self, encoder: &mut wgpu::CommandEncoder, batch: &wgpu::BindGroup, blocks: usize) {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_bind_group(0, &self.rows, &[]);
        pass.set_bind_group(1, batch, &[]);
        let output_tiles = (TARGETS + NEGATIVES) / TILE;
        // wgpu makes the second dispatch see what the first one wrote.
        let gradient_groups = (self.input_tiles + output_tiles).div_ceil(TILES_A_GROUP);
        for (step, tiles) in [(&self.scores, self.input_tiles), (&self.gradients, gradient_groups)] {
            pass.set_pipeline(&step.pipeline);
            pass.set_bind_group(2, &step.own, &[]);
            pass.dispatch_workgroups(blocks as u32, tiles as u32, 1);
        }
    }
}

fn whole(buffer: &wgpu::Buffer) -> wgpu::BindingResource<'_> {
    buffer.as_entire_binding()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without a GPU: what the shader is validated for is WebGPU's core, and its constants are those of the host.
    #[test]
    fn the_shader_is_valid_and_agrees_with_the_host() {
        for source in SOURCES {
            let module = naga::front::wgsl::parse_str(source).unwrap_or_else(|error| panic!("{error}"));
            let (flags, none) = (naga::valid::ValidationFlags::all(), naga::valid::Capabilities::empty());
            let info = naga::valid::Validator::new(flags, none).validate(&module);
            let info = info.unwrap_or_else(|error| panic!("{error:?}"));
            for (number, entry_point) in module.entry_points.iter().enumerate() {
                let used = info.get_entry_point(number);
                let is_bound = |&(handle, variable): &(_, &naga::GlobalVariable)| {
                    let handle: naga::Handle<naga::GlobalVariable> = handle;
                    variable.binding.is_some() && !used[handle].is_empty()
                };
                let bound = module.global_variables.iter().filter(is_bound).count();
                assert!((6..=8).contains(&bound), "{}: {bound}", entry_point.name);
            }
            let mut layouter = naga::proc::Layouter::default();
            layouter.update(module.to_ctx()).unwrap();
            let shared = module.global_variables.iter().filter(|(_, v)| v.space == naga::AddressSpace::WorkGroup);
            let bytes: u32 = shared.map(|(_, variable)| layouter[variable.ty].size).sum();
            assert!(bytes <= 16_384, "{bytes}");
            let (columns, threads) = (16, 16 * TILES_A_GROUP);
            let constants = [("TARGETS", TARGETS), ("NEGATIVES", NEGATIVES), ("TILE", TILE), ("COLUMNS", columns)];
            for (name, value) in constants.into_iter().chain([("GRADIENT_THREADS", threads)]) {
                assert!(source.contains(&format!("const {name}: u32 = {value}u;")), "{name}");
            }
        }
    }
}
