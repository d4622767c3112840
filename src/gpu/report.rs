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
        // Copied and cleared in one submission: what another thread's lookup counts comes before both or after both.
        let usage = wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let size = self.buffer.size();
        let snapshot = gpu.allocate("report snapshot", size, usage)?;
        let mut encoder = gpu.encoder("take report");
        encoder.copy_buffer_to_buffer(&self.buffer, 0, &snapshot, 0, size);
        encoder.clear_buffer(&self.buffer, 0, None);
        gpu.submit(encoder)?;
        let mut report: index_check::Report = bytemuck::Zeroable::zeroed();
        gpu.read(&snapshot, 0..size, size, waiting, |bytes| report = bytemuck::pod_read_unaligned(bytes)).await?;
        let Some((count, first_position)) = report.found() else { return Ok(()) };
        Err(Error::GpuIndicesOutOfRange { count, first_position, input_dim: self.input_dim })
    }
}
