//! The model on the GPU: the crate's recorded calls with the loss's pass between them, one submission a batch.

use wgpu_embedding::wgpu;
use wgpu_embedding::{Error, GpuContext};

use super::kernel::{Kernel, Shape};
use super::{Model, Tables};
use crate::Result;
use crate::pipeline::Prepared;

/// See the module.
pub struct GpuModel {
    context: GpuContext,
    device: wgpu::Device,
    tables: Tables,
    kernel: Kernel,
    /// Blocks whose losses are on the GPU, not read yet.
    loss_count: usize,
    /// Of the losses read and not taken yet.
    loss: f64,
}

impl GpuModel {
    pub fn new(tables: Tables, shape: Shape) -> Result<Self> {
        let context = tables.input.context().clone();
        let device = context.device().ok_or(Error::NeedsGpu { call: "GpuModel::new" })?.clone();
        // An error that no scope catches makes wgpu panic, and a large batch may need more than there is.
        let filters = [wgpu::ErrorFilter::Validation, wgpu::ErrorFilter::OutOfMemory];
        let scopes = filters.map(|filter| device.push_error_scope(filter));
        let kernel = Kernel::new(&device, shape);
        for scope in scopes.into_iter().rev() {
            if let Some(error) = pollster::block_on(scope.pop()) {
                return Err(format!("the device has no room for such batches, try a smaller --batch: {error}").into());
            }
        }
        Ok(Self { context, device, tables, kernel, loss_count: 0, loss: 0.0 })
    }

    /// Adds up the losses that are on the GPU. The only readback.
    fn read_losses(&mut self) -> Result<()> {
        let bytes = (std::mem::take(&mut self.loss_count) * self.kernel.input_tiles * 4) as u64;
        let losses: Vec<f32> = self.context.read_buffer(self.kernel.losses.slice(..bytes))?;
        self.loss += losses.into_iter().map(f64::from).sum::<f64>();
        Ok(())
    }
}

impl Model for GpuModel {
    fn tables(&self) -> &Tables {
        &self.tables
    }

    fn tables_mut(&mut self) -> &mut Tables {
        &mut self.tables
    }

    /// This is how a training step is put together.
    fn train(&mut self, batch: &Prepared) -> Result<()> {
        let blocks = batch.layout.blocks.len();
        if self.loss_count + blocks > self.kernel.max_losses {
            self.read_losses()?;
        }
        let Self { tables: Tables { input, output }, kernel, .. } = self;
        let bound = kernel.bind(&self.device, &batch.layout, self.loss_count as u32);

        let mut encoder = self.device.create_command_encoder(&Default::default());
        input.record_lookup(&mut encoder, &batch.inputs, &kernel.input_rows)?;
        output.record_lookup(&mut encoder, &batch.outputs, &kernel.output_rows)?;
        kernel.record(&mut encoder, &bound, blocks);
        input.record_update(&mut encoder, &batch.inputs, &kernel.input_gradient)?;
        output.record_update(&mut encoder, &batch.outputs, &kernel.output_gradient)?;
        // Not the queue's own submit: this one waits where too much is unfinished.
        self.context.submit(encoder)?;
        self.loss_count += blocks;
        Ok(())
    }

    fn take_loss(&mut self) -> Result<f64> {
        self.read_losses()?;
        Ok(std::mem::take(&mut self.loss))
    }
}

#[cfg(test)]
impl GpuModel {
    /// The gradients of the last batch, which had so many lookups.
    pub fn gradients(&self, inputs: usize, outputs: usize) -> Result<(Vec<f32>, Vec<f32>)> {
        let read = |buffer: &wgpu::Buffer, lookups: usize| {
            let bytes = lookups as u64 * u64::from(self.tables.input.output_dim()) * 4;
            self.context.read_buffer(buffer.slice(..bytes))
        };
        Ok((read(&self.kernel.input_gradient, inputs)?, read(&self.kernel.output_gradient, outputs)?))
    }

    /// Fills the gradients, so that an element that nobody writes shows.
    pub fn poison(&self) -> Result<()> {
        let queue = self.context.queue().ok_or("no queue")?;
        for buffer in [&self.kernel.input_gradient, &self.kernel.output_gradient] {
            queue.write_buffer(buffer, 0, &vec![0xff; buffer.size() as usize]);
        }
        Ok(())
    }

    /// Leaves room for the losses of so many blocks only.
    pub fn limit_losses(&mut self, blocks: usize) {
        self.kernel.max_losses = blocks;
    }
}
