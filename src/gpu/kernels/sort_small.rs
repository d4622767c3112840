//! `plan =` a batch of at most one tile, sorted, with its runs.

use super::inputs::Form;
use super::{Kernel, parts};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu, Resource, constant};
use crate::shader::{Part, part};

static SORT_SMALL: Part = part!("sort_small.wgsl");

pub(crate) fn kernel() -> Kernel {
    let parts = [
        &parts::GRID,
        &parts::SORT_SOURCE,
        &parts::WORKGROUP_SCAN,
        &parts::SORT_TILE,
        &parts::PLAN_LAYOUT,
        &parts::WRITE_PLAN,
        &SORT_SMALL,
    ];
    Kernel::new("sort_small", parts)
}

/// One dispatch of one workgroup, there must be lookups; `resources` are `sort`, `source`, `batch` and `plan`.
pub(crate) fn dispatch(gpu: &Gpu, resources: &[Resource<'_>; 4]) -> Result<Dispatch> {
    gpu.dispatch_alone(&gpu.pipeline(&kernel(), &[constant("SOURCE", Form::Indices as u32)])?, resources, 1)
}
