//! What the index check found since it was last read.

use super::device::Gpu;
use super::kernels::index_check;
use super::readback::Waiting;
use crate::error::{Error, Result};

/// Shared by a table and the outputs of its lookups: whichever is read first reports.
#[derive(Debug, Clone)]
pub(crate) struct IndexReport {
    pub buffer: wgpu::Buffer,
    input_dim: u32,
}

impl IndexReport {
    pub(crate) fn new(gpu: &Gpu, input_dim: u32) -> Result<Self> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let buffer = gpu.allocate("report", size_of::<index_check::Report>() as u64, usage)?;
        Ok(Self { buffer, input_dim })
    }

    /// Reads the report and clears it; an error if there was something in it.
    pub(crate) async fn take(&self, gpu: &Gpu, waiting: Waiting) -> Result<()> {
        let mut report: index_check::Report = bytemuck::Zeroable::zeroed();
        let size = self.buffer.size();
        gpu.read(&self.buffer, 0..size, size, waiting, |bytes| report = bytemuck::pod_read_unaligned(bytes)).await?;
        let Some((count, first_position)) = report.found() else { return Ok(()) };
        let mut encoder = gpu.encoder("clear report");
        encoder.clear_buffer(&self.buffer, 0, None);
        gpu.submit(encoder)?;
        Err(Error::GpuIndicesOutOfRange { count, first_position, input_dim: self.input_dim })
    }
}
