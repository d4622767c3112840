//! `counts[digit, block] =` where a block's lookups of this digit go, among all of the digit, in one pass of the sort.

use super::inputs::{FEW_BLOCKS, Form, SortPass};
use super::{Kernel, parts};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu, Resource, constant};
use crate::gpu::grid::WORKGROUP_SIZE;
use crate::shader::{Binding, Part, part};

static SORT_SCAN: Part = part!("sort_scan.wgsl")
    .binds(&[Binding::read_write::<u32>(0, 2, "counts")])
    .mirrors(&[("FEW_BLOCKS", FEW_BLOCKS)]);

pub(crate) fn kernel() -> Kernel {
    Kernel::new("sort_scan", [&parts::GRID, &parts::SORT_SOURCE, &parts::WORKGROUP_SCAN, &SORT_SCAN])
}

/// One dispatch, a thread or a workgroup for each digit; `resources` are `sort`, `source` and `counts`.
pub(crate) fn dispatch(gpu: &Gpu, pass: &SortPass, resources: &[Resource<'_>; 3]) -> Result<Dispatch> {
    let digits = 1u32 << pass.digit_bits;
    let workgroups = if pass.block_count <= FEW_BLOCKS { digits.div_ceil(WORKGROUP_SIZE) } else { digits };
    // It reads no lookup, whatever their form.
    let pipeline = gpu.pipeline(&kernel(), &[constant("SOURCE", Form::Indices as u32)])?;
    gpu.dispatch_alone(&pipeline, resources, workgroups.into())
}
