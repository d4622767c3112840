//! `counts[block, digit] =` how many of a block's lookups have this digit, in one pass of the sort.

use super::{Binding, Kernel, WORKGROUP_SIZE, part};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::sort::{Form, SortPass};

/// The one build.
pub static KERNEL: Kernel = Kernel {
    name: "sort_histogram",
    parts: &[part!("shared/grid.wgsl"), part!("shared/sort_source.wgsl"), part!("sort_histogram.wgsl")],
    groups: &[GROUP],
    constants: &["SOURCE"],
    mirrored: &[
        ("WORKGROUP_SIZE", WORKGROUP_SIZE),
        ("INDICES", Form::Indices as u32),
        ("PACKED", Form::Packed as u32),
        ("PAIRS", Form::Pairs as u32),
    ],
};

static GROUP: &[Binding] = &[
    Binding::uniform::<SortPass>(0, "sort"),
    Binding::read::<u32>(1, "source"),
    Binding::read_write::<u32>(2, "counts"),
];

/// One dispatch: a workgroup for each block.
pub(crate) fn dispatch(
    gpu: &Gpu,
    pass: &SortPass,
    sort: wgpu::BufferBinding<'_>,
    (form, source): (Form, wgpu::BufferBinding<'_>),
    counts: wgpu::BufferBinding<'_>,
) -> Result<Dispatch> {
    let pipeline = gpu.pipeline(&KERNEL, &[form.constant()])?;
    gpu.dispatch_alone(&pipeline, &[sort, source, counts], pass.block_count.into())
}
