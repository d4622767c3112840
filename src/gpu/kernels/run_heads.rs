//! `counts[block] =` how many runs start in a block of the sorted lookups, and how many of its lookups are kept.

use super::{Binding, Kernel, WORKGROUP_SIZE, part, shader_struct};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::sort::{Form, SortPass};

/// The one build.
pub static KERNEL: Kernel = Kernel {
    name: "run_heads",
    parts: &[
        part!("shared/grid.wgsl"),
        part!("shared/sort_source.wgsl"),
        part!("shared/workgroup_scan.wgsl"),
        part!("shared/run_count.wgsl"),
        part!("run_heads.wgsl"),
    ],
    groups: &[GROUP],
    constants: &["SOURCE"],
    mirrored: &[
        ("WORKGROUP_SIZE", WORKGROUP_SIZE),
        ("INDICES", Form::Indices as u32),
        ("PACKED", Form::Packed as u32),
        ("PAIRS", Form::Pairs as u32),
    ],
};

shader_struct! {
    /// `RunCount` in shaders/shared/run_count.wgsl.
    pub(crate) struct RunCount {
        heads: u32,
        kept: u32,
    }
}

static GROUP: &[Binding] = &[
    Binding::uniform::<SortPass>(0, "sort"),
    Binding::read::<u32>(1, "source"),
    Binding::read_write::<RunCount>(2, "counts"),
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
