//! Moves a block's lookups to where one pass of the sort wants them.

use super::{Binding, Kernel, WORKGROUP_SIZE, part};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::sort::{Form, SortPass, TILE};

/// The one build.
pub static KERNEL: Kernel = Kernel {
    name: "sort_scatter",
    parts: &[
        part!("shared/grid.wgsl"),
        part!("shared/sort_source.wgsl"),
        part!("shared/workgroup_scan.wgsl"),
        part!("shared/sort_tile.wgsl"),
        part!("sort_scatter.wgsl"),
    ],
    groups: &[GROUP],
    constants: &["SOURCE", "DESTINATION", "ONE_TILE"],
    mirrored: &[
        ("WORKGROUP_SIZE", WORKGROUP_SIZE),
        ("INDICES", Form::Indices as u32),
        ("PACKED", Form::Packed as u32),
        ("PAIRS", Form::Pairs as u32),
        ("TILE", TILE),
    ],
};

static GROUP: &[Binding] = &[
    Binding::uniform::<SortPass>(0, "sort"),
    Binding::read::<u32>(1, "source"),
    Binding::read::<u32>(2, "counts"),
    Binding::read_write::<u32>(3, "destination"),
];

/// One dispatch: a workgroup for each block.
pub(crate) fn dispatch(
    gpu: &Gpu,
    pass: &SortPass,
    sort: wgpu::BufferBinding<'_>,
    (from, source): (Form, wgpu::BufferBinding<'_>),
    counts: wgpu::BufferBinding<'_>,
    (to, destination): (Form, wgpu::BufferBinding<'_>),
) -> Result<Dispatch> {
    let pipeline = gpu.pipeline(&KERNEL, &[from.constant(), to.constant(), pass.one_tile()])?;
    gpu.dispatch_alone(&pipeline, &[sort, source, counts, destination], pass.block_count.into())
}
