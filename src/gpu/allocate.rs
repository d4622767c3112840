//! Buffers, with errors in place of wgpu's panics.

use super::device::Gpu;
use crate::error::{Error, Result};

/// The memory that a write is put together in, from its start to its end.
pub(crate) struct Writer {
    view: wgpu::QueueWriteBufferView,
    end: usize,
}

impl Writer {
    /// Writes at an offset at or past the end of what was written, with zeros in between.
    pub(crate) fn write(&mut self, offset: u64, bytes: &[u8]) {
        self.fill_up_to(offset);
        let start = self.end;
        self.end += bytes.len();
        self.view.slice(start..self.end).copy_from_slice(bytes);
    }

    fn fill_up_to(&mut self, offset: u64) {
        self.view.slice(self.end..offset as usize).fill(0);
        self.end = offset as usize;
    }
}

impl Gpu {
    /// A buffer of `size` bytes, zeroed by wgpu where it is read before it is written.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] past the device's `max_buffer_size`, [`Error::OutOfMemory`] where the device says so.
    pub(crate) fn allocate(&self, what: &'static str, size: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
        self.create(what, size, usage, false)
    }

    /// A small buffer that holds `contents` from the start, without a call on the queue.
    pub(crate) fn allocate_with(
        &self,
        what: &'static str,
        contents: &[u8],
        usage: wgpu::BufferUsages,
    ) -> Result<wgpu::Buffer> {
        let buffer = self.create(what, contents.len().next_multiple_of(4) as u64, usage, true)?;
        buffer
            .get_mapped_range_mut(..contents.len() as u64)
            .map_err(|error| Error::Device { doing: "writing a new buffer", reason: error.to_string() })?
            .copy_from_slice(contents);
        buffer.unmap();
        Ok(buffer)
    }

    /// Writes through the queue: what is submitted from now on sees it.
    pub(crate) fn write(&self, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) -> Result<()> {
        let ((), error) = self.scoped(|| self.queue.write_buffer(buffer, offset, bytes));
        match error {
            None => Ok(()),
            Some(error) => Err(Error::Device { doing: "writing to the GPU", reason: error.to_string() }),
        }
    }

    /// As [`write`](Self::write), of `size` bytes at the buffer's start that `fill` puts together, straight in the memory that
    /// the queue copies from. Where it writes nothing there are zeros.
    pub(crate) fn write_with(&self, buffer: &wgpu::Buffer, size: u64, fill: impl FnOnce(&mut Writer)) -> Result<()> {
        let Some(size) = wgpu::BufferSize::new(size) else { return Ok(()) };
        let (is_written, error) = self.scoped(|| {
            let Some(view) = self.queue.write_buffer_with(buffer, 0, size) else { return false };
            let mut writer = Writer { view, end: 0 };
            fill(&mut writer);
            let rest = writer.view.len() as u64;
            writer.fill_up_to(rest);
            true
        });
        let doing = "writing to the GPU";
        match error {
            None if is_written => Ok(()),
            // Of a lost device wgpu gives no memory, and no reason.
            None => Err(Error::Device { doing, reason: "the device gives no memory for it".to_owned() }),
            Some(error) => Err(Error::Device { doing, reason: error.to_string() }),
        }
    }

    fn create(
        &self,
        what: &'static str,
        size: u64,
        usage: wgpu::BufferUsages,
        mapped_at_creation: bool,
    ) -> Result<wgpu::Buffer> {
        let available = self.limits.max_buffer_size;
        if size > available {
            let remedy = "use a smaller batch";
            return Err(Error::TooLarge { what, required: size, limit: "max_buffer_size", available, remedy });
        }
        let descriptor = wgpu::BufferDescriptor { label: Some(what), size, usage, mapped_at_creation };
        let (buffer, error) = self.scoped(|| self.device.create_buffer(&descriptor));
        match error {
            None => Ok(buffer),
            Some(error) => Err(Error::OutOfMemory { what, required: size, reason: error.to_string() }),
        }
    }
}
