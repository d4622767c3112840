//! `counts[digit, block] =` where a block's lookups of this digit go, among all of the digit, in one pass of the sort.

use super::inputs::{Form, SortPass};
use super::{Kernel, parts};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu, Resource, constant};
use crate::shader::{Binding, Part, part};

static SORT_SCAN: Part = part!("sort_scan.wgsl").binds(&[Binding::read_write::<u32>(0, 2, "counts")]);

pub(crate) fn kernel() -> Kernel {
    Kernel::new("sort_scan", [&parts::GRID, &parts::SORT_SOURCE, &parts::WORKGROUP_SCAN, &SORT_SCAN])
}

/// One dispatch, a workgroup for each digit; `resources` are `sort`, `source` and `counts`.
pub(crate) fn dispatch(gpu: &Gpu, pass: &SortPass, resources: &[Resource<'_>; 3]) -> Result<Dispatch> {
    // It reads no lookup, whatever their form.
    let pipeline = gpu.pipeline(&kernel(), &[constant("SOURCE", Form::Indices as u32)])?;
    gpu.dispatch_alone(&pipeline, resources, 1 << pass.digit_bits)
}
