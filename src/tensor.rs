//! What host-driven calls give back.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::gpu::device::Gpu;
use crate::gpu::readback::{PIECE_BYTES, Waiting, extend_from_le_bytes};
use crate::gpu::region::BufferRegion;
use crate::gpu::report::IndexReport;

/// A dense, row-major array of f32: in a GPU buffer, or in host memory where the context is the CPU reference.
#[derive(Debug, Clone)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Data,
}

#[derive(Debug, Clone)]
enum Data {
    Gpu { gpu: Arc<Gpu>, buffer: wgpu::Buffer, report: Option<IndexReport> },
    Host(Vec<f32>),
}

impl Tensor {
    pub(crate) fn on_host(shape: Vec<usize>, values: Vec<f32>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), values.len());
        Self { shape, data: Data::Host(values) }
    }

    /// Allocates a tensor on the GPU, its contents still to be written.
    ///
    /// `report` is what a readback must hand on, where the tensor comes of indices that nobody has checked.
    pub(crate) fn on_gpu(
        gpu: &Arc<Gpu>,
        what: &'static str,
        shape: Vec<usize>,
        report: Option<IndexReport>,
    ) -> Result<Self> {
        let bytes = shape.iter().map(|&extent| extent as u64).product::<u64>() * 4;
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        // A buffer of no bytes could not be bound.
        let buffer = gpu.allocate(what, bytes.max(16), usage)?;
        Ok(Self { shape, data: Data::Gpu { gpu: gpu.clone(), buffer, report } })
    }

    /// Only its first rows.
    pub(crate) fn truncated(mut self, rows: usize) -> Self {
        debug_assert!(rows <= self.shape[0]);
        let row_floats = self.shape[1..].iter().product::<usize>();
        self.shape[0] = rows;
        if let Data::Host(values) = &mut self.data {
            values.truncate(rows * row_floats);
        }
        self
    }

    /// Its shape; the values are row-major.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many floats it has.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no floats.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its buffer, for the caller's own passes; `None` where the context is the CPU reference.
    ///
    /// It has the usages `STORAGE`, `COPY_SRC` and `COPY_DST`; it may be longer than the values. What is submitted
    /// after the call that gave the tensor sees the values.
    pub fn buffer(&self) -> Option<&wgpu::Buffer> {
        match &self.data {
            Data::Gpu { buffer, .. } => Some(buffer),
            Data::Host(_) => None,
        }
    }

    pub(crate) fn region(&self) -> Option<BufferRegion<'_>> {
        self.buffer().map(BufferRegion::from)
    }

    /// Its values on the host. Blocks until the GPU has computed them.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] if the device was lost, [`Error::OutOfMemory`] if there is no room for a staging buffer. If
    /// the tensor is the lookup of a GPU-resident batch, [`Error::GpuIndicesOutOfRange`] reports what was found
    /// outside the table since the last report, once: read again, and the values come.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn read(&self) -> Result<Vec<f32>> {
        crate::gpu::readback::block_on(|waiting| self.read_with(waiting))
    }

    /// The async form of [`read`](Self::read).
    pub async fn read_async(&self) -> Result<Vec<f32>> {
        self.read_with(Waiting::Yield).await
    }

    pub(crate) async fn read_with(&self, waiting: Waiting) -> Result<Vec<f32>> {
        match &self.data {
            Data::Host(values) => Ok(values.clone()),
            Data::Gpu { gpu, buffer, report } => {
                if let Some(report) = report {
                    report.take(gpu, waiting).await?;
                }
                let mut values = Vec::with_capacity(self.len());
                let bytes = 0..self.len() as u64 * 4;
                gpu.read(buffer, bytes, PIECE_BYTES, waiting, |bytes| extend_from_le_bytes(&mut values, bytes))
                    .await?;
                Ok(values)
            }
        }
    }
}

/// A gradient for a host-driven call: floats on the host, or in a GPU buffer.
///
/// Made from `&[f32]`, `&Vec<f32>`, `&wgpu::Buffer`, a `wgpu::BufferSlice`, a [`BufferRegion`] or `&Tensor`. Its shape is the
/// batch's with `output_dim` appended, row-major.
#[derive(Debug, Clone, Copy)]
pub struct Gradient<'a>(pub(crate) GradientSource<'a>);

#[derive(Debug, Clone, Copy)]
pub(crate) enum GradientSource<'a> {
    Host(&'a [f32]),
    Gpu(BufferRegion<'a>),
}

impl<'a> From<&'a [f32]> for Gradient<'a> {
    fn from(values: &'a [f32]) -> Self {
        Self(GradientSource::Host(values))
    }
}

impl<'a> From<&'a Vec<f32>> for Gradient<'a> {
    fn from(values: &'a Vec<f32>) -> Self {
        Self(GradientSource::Host(values))
    }
}

impl<'a, const N: usize> From<&'a [f32; N]> for Gradient<'a> {
    fn from(values: &'a [f32; N]) -> Self {
        Self(GradientSource::Host(values))
    }
}

impl<'a> From<&'a wgpu::Buffer> for Gradient<'a> {
    fn from(buffer: &'a wgpu::Buffer) -> Self {
        Self(GradientSource::Gpu(buffer.into()))
    }
}

impl<'a> From<wgpu::BufferSlice<'a>> for Gradient<'a> {
    fn from(slice: wgpu::BufferSlice<'a>) -> Self {
        Self(GradientSource::Gpu(slice.into()))
    }
}

impl<'a> From<BufferRegion<'a>> for Gradient<'a> {
    fn from(region: BufferRegion<'a>) -> Self {
        Self(GradientSource::Gpu(region))
    }
}

impl<'a> From<&'a Tensor> for Gradient<'a> {
    fn from(tensor: &'a Tensor) -> Self {
        match &tensor.data {
            Data::Host(values) => Self(GradientSource::Host(values)),
            Data::Gpu { buffer, .. } => Self(GradientSource::Gpu(buffer.into())),
        }
    }
}

impl Gradient<'_> {
    /// Checks a host gradient's length.
    pub(crate) fn check_length(values: &[f32], required: usize) -> Result<()> {
        if values.len() == required {
            return Ok(());
        }
        Err(Error::Shape {
            what: "the gradient",
            required: format!("{required} floats, one for each float of the lookup's output"),
            given: format!("{} floats", values.len()),
        })
    }
}
