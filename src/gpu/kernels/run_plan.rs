//! `plan =` the sorted lookups, their runs, and where blocks and shards find them.

use super::run_heads::RunCount;
use super::{Binding, Kernel, WORKGROUP_SIZE, part};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::plan::{CHUNK, HEADER_WORDS, PlanLayout};
use crate::gpu::sort::{Form, SortPass, TILE};

/// The one build.
pub static KERNEL: Kernel = Kernel {
    name: "run_plan",
    parts: &[
        part!("shared/grid.wgsl"),
        part!("shared/sort_source.wgsl"),
        part!("shared/workgroup_scan.wgsl"),
        part!("shared/sort_tile.wgsl"),
        part!("shared/plan_layout.wgsl"),
        part!("shared/write_plan.wgsl"),
        part!("shared/run_count.wgsl"),
        part!("run_plan.wgsl"),
    ],
    groups: &[GROUP],
    constants: &["SOURCE", "ONE_TILE"],
    mirrored: &[
        ("WORKGROUP_SIZE", WORKGROUP_SIZE),
        ("INDICES", Form::Indices as u32),
        ("PACKED", Form::Packed as u32),
        ("PAIRS", Form::Pairs as u32),
        ("TILE", TILE),
        ("CHUNK", CHUNK),
        ("HEADER_WORDS", HEADER_WORDS),
    ],
};

static GROUP: &[Binding] = &[
    Binding::uniform::<SortPass>(0, "sort"),
    Binding::read::<u32>(1, "source"),
    Binding::uniform::<PlanLayout>(2, "batch"),
    Binding::read_write::<u32>(3, "plan"),
    Binding::read::<RunCount>(4, "counts"),
];

/// One dispatch: a workgroup for each block.
pub(crate) fn dispatch(
    gpu: &Gpu,
    pass: &SortPass,
    sort: wgpu::BufferBinding<'_>,
    (form, source): (Form, wgpu::BufferBinding<'_>),
    counts: wgpu::BufferBinding<'_>,
    batch: wgpu::BufferBinding<'_>,
    plan: wgpu::BufferBinding<'_>,
) -> Result<Dispatch> {
    let pipeline = gpu.pipeline(&KERNEL, &[form.constant(), pass.one_tile()])?;
    gpu.dispatch_alone(&pipeline, &[sort, source, batch, plan, counts], pass.block_count.into())
}
