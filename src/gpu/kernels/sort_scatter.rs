//! Moves a block's lookups to where one pass of the sort wants them.

use super::inputs::{FEW_BLOCKS, Form, SortPass};
use super::{Kernel, parts};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu, Resource, constant};
use crate::shader::{Binding, Part, part};

static SORT_SCATTER: Part = part!("sort_scatter.wgsl")
    .binds(&[Binding::read::<u32>(0, 2, "counts"), Binding::read_write::<u32>(0, 3, "destination")])
    .with_constants(&["DESTINATION"])
    .mirrors(&[("FEW_BLOCKS", FEW_BLOCKS)]);

pub(crate) fn kernel() -> Kernel {
    let parts = [&parts::GRID, &parts::SORT_SOURCE, &parts::WORKGROUP_SCAN, &parts::SORT_TILE, &SORT_SCATTER];
    Kernel::new("sort_scatter", parts)
}

/// One dispatch, a workgroup for each block; `resources` are `sort`, `source`, `counts` and `destination`.
pub(crate) fn dispatch(
    gpu: &Gpu,
    pass: &SortPass,
    [from, to]: [Form; 2],
    resources: &[Resource<'_>; 4],
) -> Result<Dispatch> {
    let constants = [constant("SOURCE", from as u32), constant("DESTINATION", to as u32)];
    gpu.dispatch_alone(&gpu.pipeline(&kernel(), &constants)?, resources, pass.block_count.into())
}
