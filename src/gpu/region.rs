//! A part of a caller's buffer.

use crate::error::{Error, Result};

/// Part of a `wgpu::Buffer`: where a recorded call reads or writes.
///
/// Made from a `&wgpu::Buffer`, which means all of it, or from a slice, `buffer.slice(offset..)`. The offset must be
/// a multiple of the device's `min_storage_buffer_offset_alignment` (256 always is), the buffer must have
/// `BufferUsages::STORAGE`, and the region may be larger than what the call needs: the rest is not touched.
#[derive(Debug, Clone, Copy)]
pub struct BufferRegion<'a> {
    pub(crate) buffer: &'a wgpu::Buffer,
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

impl<'a> From<&'a wgpu::Buffer> for BufferRegion<'a> {
    fn from(buffer: &'a wgpu::Buffer) -> Self {
        Self { buffer, offset: 0, size: buffer.size() }
    }
}

impl<'a> From<wgpu::BufferSlice<'a>> for BufferRegion<'a> {
    fn from(slice: wgpu::BufferSlice<'a>) -> Self {
        Self { buffer: slice.buffer(), offset: slice.offset(), size: slice.size() }
    }
}

impl<'a> BufferRegion<'a> {
    /// The buffer that it is a part of.
    pub fn buffer(&self) -> &'a wgpu::Buffer {
        self.buffer
    }

    /// Where it starts, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How long it is, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// It as a resource for a bind group of the caller's own.
    pub fn as_binding(&self) -> wgpu::BindingResource<'a> {
        let size = wgpu::BufferSize::new(self.size);
        wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer: self.buffer, offset: self.offset, size })
    }

    /// Checks that the first `required` bytes can be bound, and gives that binding.
    pub(crate) fn bind(
        self,
        what: &'static str,
        required: u64,
        limits: &wgpu::Limits,
    ) -> Result<wgpu::BufferBinding<'a>> {
        self.check(what, wgpu::BufferUsages::STORAGE, limits.min_storage_buffer_offset_alignment, required)?;
        check_binding_size(what, required, limits)?;
        Ok(wgpu::BufferBinding { buffer: self.buffer, offset: self.offset, size: wgpu::BufferSize::new(required) })
    }

    /// Checks that the first `required` bytes can be copied from.
    pub(crate) fn check_copy(&self, what: &'static str, required: u64) -> Result<()> {
        self.check(what, wgpu::BufferUsages::COPY_SRC, wgpu::COPY_BUFFER_ALIGNMENT as u32, required)
    }

    /// Checks the buffer's usage, where the region begins, and its size.
    pub(crate) fn check(
        &self,
        what: &'static str,
        usage: wgpu::BufferUsages,
        alignment: u32,
        required: u64,
    ) -> Result<()> {
        let given = self.buffer.usage();
        if !given.contains(usage) {
            return Err(Error::BufferUsage { what, required: usage, given });
        }
        if !self.offset.is_multiple_of(alignment.into()) {
            return Err(Error::BufferAlignment { what, offset: self.offset, alignment });
        }
        if self.size < required {
            return Err(Error::BufferTooSmall { what, required, given: self.size });
        }
        Ok(())
    }
}

/// The kernels number the words of a binding in u32.
const MAX_BINDING_BYTES: u64 = 1 << 34;

/// Checks that `required` bytes fit one storage binding.
pub(crate) fn check_binding_size(what: &'static str, required: u64, limits: &wgpu::Limits) -> Result<()> {
    let available = limits.max_storage_buffer_binding_size;
    if required > available && available <= MAX_BINDING_BYTES {
        let (limit, remedy) = ("max_storage_buffer_binding_size", "split the batch");
        return Err(Error::TooLarge { what, required, limit, available, remedy });
    }
    check_numbers(what, required)
}

/// Checks that the words of `required` bytes have numbers.
pub(crate) fn check_numbers(what: &'static str, required: u64) -> Result<()> {
    if required > MAX_BINDING_BYTES {
        let remedy = "split the batch";
        return Err(Error::BeyondKernels { what, required, available: MAX_BINDING_BYTES, remedy });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_that_fails_is_named() {
        let check = |required, granted| {
            let limits = wgpu::Limits { max_storage_buffer_binding_size: granted, ..Default::default() };
            check_binding_size("the gradient", required, &limits).map_err(|error| error.to_string())
        };
        for granted in [1 << 30, 1 << 34, 1 << 40] {
            let most = granted.min(1 << 34);
            assert_eq!(check(most, granted), Ok(()));
            let bound = match granted {
                ..=0x4_0000_0000 => format!("this device's max_storage_buffer_binding_size is {granted}"),
                _ => "the kernels, which count in u32, take 17179869184 at most".to_owned(),
            };
            let expected = format!("the gradient needs {} bytes, and {bound}; split the batch", most + 1);
            assert_eq!(check(most + 1, granted), Err(expected));
        }
    }
}
