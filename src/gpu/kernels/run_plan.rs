//! `plan =` the sorted lookups, their runs, and where blocks and shards find them.

use super::inputs::{Form, SortPass};
use super::{Kernel, parts};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu, Resource, constant};
use crate::shader::{Part, part};

static RUN_PLAN: Part = part!("run_plan.wgsl").binds(&[parts::run_counts(4, false)]);

pub(crate) fn kernel() -> Kernel {
    let parts = [
        &parts::GRID,
        &parts::SORT_SOURCE,
        &parts::WORKGROUP_SCAN,
        &parts::SORT_TILE,
        &parts::PLAN_LAYOUT,
        &parts::WRITE_PLAN,
        &parts::RUN_COUNT,
        &RUN_PLAN,
    ];
    Kernel::new("run_plan", parts)
}

/// One dispatch, a workgroup for each block; `resources` are `sort`, `source`, `batch`, `plan` and `counts`.
pub(crate) fn dispatch(gpu: &Gpu, pass: &SortPass, form: Form, resources: &[Resource<'_>; 5]) -> Result<Dispatch> {
    let pipeline = gpu.pipeline(&kernel(), &[constant("SOURCE", form as u32)])?;
    gpu.dispatch_alone(&pipeline, resources, pass.block_count.into())
}
