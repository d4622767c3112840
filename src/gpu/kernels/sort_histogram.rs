//! `counts[block, digit] =` how many of a block's lookups have this digit, in one pass of the sort.

use super::inputs::{Form, SortPass};
use super::{Kernel, parts};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu, Resource, constant};
use crate::shader::{Binding, Part, part};

static SORT_HISTOGRAM: Part = part!("sort_histogram.wgsl").binds(&[Binding::read_write::<u32>(0, 2, "counts")]);

pub(crate) fn kernel() -> Kernel {
    Kernel::new("sort_histogram", [&parts::GRID, &parts::SORT_SOURCE, &SORT_HISTOGRAM])
}

/// One dispatch, a workgroup for each block; `resources` are `sort`, `source` and `counts`.
pub(crate) fn dispatch(gpu: &Gpu, pass: &SortPass, form: Form, resources: &[Resource<'_>; 3]) -> Result<Dispatch> {
    let pipeline = gpu.pipeline(&kernel(), &[constant("SOURCE", form as u32)])?;
    gpu.dispatch_alone(&pipeline, resources, pass.block_count.into())
}
