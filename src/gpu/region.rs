//! A part of a caller's buffer, with or without bind groups that are kept.

use std::sync::Mutex;

use super::device::{Gpu, lock};
use crate::error::{Error, Result};
use crate::shader::Binding;

/// Part of a `wgpu::Buffer`: where a recorded call reads or writes.
///
/// Made from a `&wgpu::Buffer`, which means all of it, or from a slice, `buffer.slice(offset..)`. The offset must be
/// a multiple of the device's `min_storage_buffer_offset_alignment` (256 always is), the buffer must have
/// `BufferUsages::STORAGE`, and the region may be larger than what the call needs: the rest is not touched.
///
/// Each call makes a bind group of it. Make a [`BoundRegion`] of a region that is given to many calls.
#[derive(Debug, Clone, Copy)]
pub struct BufferRegion<'a> {
    pub(crate) buffer: &'a wgpu::Buffer,
    pub(crate) offset: u64,
    pub(crate) size: u64,
    /// Where bind groups of it are kept.
    groups: Option<&'a Groups>,
}

impl<'a> From<&'a wgpu::Buffer> for BufferRegion<'a> {
    fn from(buffer: &'a wgpu::Buffer) -> Self {
        Self::new(buffer, 0, buffer.size())
    }
}

impl<'a> From<wgpu::BufferSlice<'a>> for BufferRegion<'a> {
    fn from(slice: wgpu::BufferSlice<'a>) -> Self {
        Self::new(slice.buffer(), slice.offset(), slice.size())
    }
}

impl<'a> From<&'a BoundRegion> for BufferRegion<'a> {
    fn from(bound: &'a BoundRegion) -> Self {
        Self { groups: Some(&bound.groups), ..Self::new(&bound.buffer, bound.offset, bound.size) }
    }
}

/// Part of a `wgpu::Buffer` that many calls are given, which keeps the bind groups that they make of it.
///
/// `&bound` goes wherever a call takes a [`BufferRegion`]. The output of `record_lookup` and the gradient of `record_update`
/// are bound once then, and not in each call; calls that bind them together with other buffers, as those of a dense update
/// or of a norm do, take it as any other region. All tables on the buffer's device may share it.
///
/// Each call checks it as it checks any region. That the buffer was destroyed since the first call is found only by wgpu,
/// when the encoder is submitted. The first call binds the whole region, so wgpu fills all of a new buffer's region with zeros
/// then. The buffer lives as long as this does.
///
/// ```no_run
/// # fn main() -> wgpu_embedding::Result<()> {
/// # let (mut table, batches, output, gradient): (
/// #     wgpu_embedding::GpuEmbedding, Vec<wgpu_embedding::IndexBatch>, wgpu::Buffer, wgpu::Buffer) = todo!();
/// # let (context, device): (wgpu_embedding::GpuContext, wgpu::Device) = todo!();
/// use wgpu_embedding::BoundRegion;
///
/// let (output, gradient) = (BoundRegion::new(&output), BoundRegion::new(&gradient));
/// for batch in &batches {
///     let mut encoder = device.create_command_encoder(&Default::default());
///     table.record_lookup(&mut encoder, batch, &output)?;
///     // Passes of your own, which read the output and write the gradient.
///     table.record_update(&mut encoder, batch, &gradient)?;
///     context.submit(encoder)?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct BoundRegion {
    buffer: wgpu::Buffer,
    offset: u64,
    size: u64,
    groups: Groups,
}

/// Bind groups that were made of one region, each for another layout of the region's device.
type Groups = Mutex<Vec<(wgpu::BindGroupLayout, wgpu::BindGroup)>>;

impl BoundRegion {
    /// Keeps bind groups of this region from now on. Nothing is checked before a call takes it.
    pub fn new<'a>(region: impl Into<BufferRegion<'a>>) -> Self {
        let BufferRegion { buffer, offset, size, .. } = region.into();
        Self { buffer: buffer.clone(), offset, size, groups: Mutex::default() }
    }

    /// Its buffer, place and size. A call that is given this in place of `&bound` makes its own bind group.
    pub fn region(&self) -> BufferRegion<'_> {
        BufferRegion::new(&self.buffer, self.offset, self.size)
    }
}

impl<'a> BufferRegion<'a> {
    pub(crate) fn new(buffer: &'a wgpu::Buffer, offset: u64, size: u64) -> Self {
        Self { buffer, offset, size, groups: None }
    }

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

    /// A bind group of `binding`, which [`bind`](Self::bind) has checked; where groups are kept, one of the whole region.
    pub(crate) fn group(
        self,
        gpu: &Gpu,
        what: &'static str,
        bound: &'static Binding,
        binding: wgpu::BufferBinding<'_>,
    ) -> Result<wgpu::BindGroup> {
        let Some(groups) = self.groups else { return gpu.bind_group(what, &[bound], &[(bound.name, binding)]) };
        let (layout, error) = gpu.scoped(|| gpu.bind_group_layout(&[bound]));
        if let Some(error) = error {
            return Err(Error::Device { doing: "making a bind group", reason: error.to_string() });
        }
        let known = lock(groups).iter().find(|(known, _)| *known == layout).map(|(_, group)| group.clone());
        if let Some(group) = known {
            return Ok(group);
        }
        // All that can be bound: other calls may need more of it.
        let size = self.size.min(gpu.limits.max_storage_buffer_binding_size) / 4 * 4;
        let binding = wgpu::BufferBinding { size: wgpu::BufferSize::new(size), ..binding };
        let group = gpu.bind_group(what, &[bound], &[(bound.name, binding)])?;
        lock(groups).push((layout, group.clone()));
        Ok(group)
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
    use crate::gpu::readback::{PIECE_BYTES, Waiting};
    use crate::{Adam, EmbeddingConfig, GpuContext, GpuEmbedding};

    #[test]
    #[ignore = "needs an adapter"]
    fn one_bind_group_serves_all_calls_and_tables() {
        let context = GpuContext::gpu().unwrap();
        let device = context.device().unwrap();
        let tables = [4, 8, 3].map(|width| {
            GpuEmbedding::new(&context, EmbeddingConfig::new(10, width).with_seed(width.into()), Adam::default())
                .unwrap()
        });
        // No multiple of 4 bytes.
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: 256 + 3 * 32 + 2,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let bound = BoundRegion::new(buffer.slice(256..));
        for (table, layouts) in tables.iter().zip([1, 1, 2]) {
            for count in [1, 3, 2] {
                let batch = table.batch(&vec![7; count]).unwrap();
                let mut encoder = device.create_command_encoder(&Default::default());
                table.record_lookup(&mut encoder, &batch, &bound).unwrap();
                context.submit(encoder).unwrap();
                assert_eq!(lock(&bound.groups).len(), layouts, "bind groups, with rows of whole quads and of floats");
            }
            let width = table.output_dim() as usize;
            let mut floats: Vec<f32> = Vec::new();
            let bytes = 256..256 + 3 * 4 * width as u64;
            let take = |bytes: &[u8]| floats.extend(bytes.chunks_exact(4).map(bytemuck::pod_read_unaligned::<f32>));
            let read = context.inner().unwrap().read(&buffer, bytes, PIECE_BYTES, Waiting::Block, take);
            pollster::block_on(read).unwrap();
            // Two rows by the last call, and the third by the one before.
            assert_eq!(floats, table.rows(&[7; 3]).unwrap());
        }
    }

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
