//! A buffer that one table's calls share, and that only grows.

use std::sync::Mutex;

use super::device::{Gpu, lock};
use crate::error::Result;

/// Every recording that uses it writes it first, so recordings may share it in whatever order they are submitted. When
/// it grows, what was recorded before keeps the buffer that it had.
#[derive(Debug)]
pub(crate) struct Scratch {
    what: &'static str,
    usage: wgpu::BufferUsages,
    buffer: Mutex<Option<wgpu::Buffer>>,
}

impl Scratch {
    pub(crate) fn new(what: &'static str, usage: wgpu::BufferUsages) -> Self {
        Self { what, usage, buffer: Mutex::default() }
    }

    /// A buffer of at least `size` bytes.
    pub(crate) fn at_least(&self, gpu: &Gpu, size: u64) -> Result<wgpu::Buffer> {
        let mut held = lock(&self.buffer);
        if let Some(buffer) = held.as_ref().filter(|buffer| buffer.size() >= size) {
            return Ok(buffer.clone());
        }
        // By half more, where that is allowed, so that slowly growing batches do not allocate each time.
        let size = (size + size / 2).next_multiple_of(256).min(gpu.limits.max_buffer_size).max(size);
        let buffer = gpu.allocate(self.what, size, self.usage)?;
        *held = Some(buffer.clone());
        Ok(buffer)
    }
}
