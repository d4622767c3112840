//! `counts[block] =` how many runs start in a block of the sorted lookups, and how many of its lookups are valid.

use super::inputs::{Form, SortPass};
use super::{Kernel, parts};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu, Resource, constant};
use crate::shader::{Part, part};

static RUN_HEADS: Part = part!("run_heads.wgsl").binds(&[parts::run_counts(2, true)]);

pub(crate) fn kernel() -> Kernel {
    let parts = [&parts::GRID, &parts::SORT_SOURCE, &parts::WORKGROUP_SCAN, &parts::RUN_COUNT, &RUN_HEADS];
    Kernel::new("run_heads", parts)
}

/// One dispatch, a workgroup for each block; `resources` are `sort`, `source` and `counts`.
pub(crate) fn dispatch(gpu: &Gpu, pass: &SortPass, form: Form, resources: &[Resource<'_>; 3]) -> Result<Dispatch> {
    let pipeline = gpu.pipeline(&kernel(), &[constant("SOURCE", form as u32)])?;
    gpu.dispatch_alone(&pipeline, resources, pass.block_count.into())
}
