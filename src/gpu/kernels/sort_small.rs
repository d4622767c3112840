//! `plan =` a batch of at most one tile, sorted, with its runs.

use super::{Binding, Kernel, WORKGROUP_SIZE, part};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::plan::{CHUNK, HEADER_WORDS, PlanLayout};
use crate::gpu::sort::{Form, SortPass, TILE};

/// The one build.
pub static KERNEL: Kernel = Kernel {
    name: "sort_small",
    parts: &[
        part!("shared/grid.wgsl"),
        part!("shared/sort_source.wgsl"),
        part!("shared/workgroup_scan.wgsl"),
        part!("shared/sort_tile.wgsl"),
        part!("shared/plan_layout.wgsl"),
        part!("shared/write_plan.wgsl"),
        part!("sort_small.wgsl"),
    ],
    groups: &[GROUP],
    constants: &["SOURCE"],
    mirrored: &[
        ("WORKGROUP_SIZE", WORKGROUP_SIZE),
        ("INDICES", Form::Indices as u32),
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
];

/// One dispatch of one workgroup; there must be lookups.
pub(crate) fn dispatch(
    gpu: &Gpu,
    sort: wgpu::BufferBinding<'_>,
    indices: wgpu::BufferBinding<'_>,
    batch: wgpu::BufferBinding<'_>,
    plan: wgpu::BufferBinding<'_>,
) -> Result<Dispatch> {
    let pipeline = gpu.pipeline(&KERNEL, &[Form::Indices.constant()])?;
    gpu.dispatch_alone(&pipeline, &[sort, indices, batch, plan], 1)
}
