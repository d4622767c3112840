//! The summed gradient by itself, compact or as a dense table.

use super::{Binding, Kernel, Quad, Runs, WORKGROUP_SIZE, part};
use crate::error::Result;
use crate::gpu::TableLayout;
use crate::gpu::batch::{Section, SortedRuns};
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::mapping::RowMapping;

macro_rules! build {
    ($output:literal, $element:ty) => {
        Kernel {
            name: "row_gradient",
            parts: &[
                part!("shared/grid.wgsl"),
                part!("shared/row.wgsl"),
                part!("shared/runs.wgsl"),
                part!($output),
                part!("row_gradient.wgsl"),
            ],
            bindings: &[
                Binding::read_write::<$element>("output"),
                Binding::uniform::<Runs>("runs"),
                Binding::read::<u32>("rows"),
                Binding::read::<Quad>("sums"),
            ],
            constants: &["DIM", "QUADS", "THREADS", "DENSE"],
            mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE)],
        }
    };
}

/// For `output_dim` a multiple of 4.
pub static VEC4: Kernel = build!("shared/output_vec4.wgsl", Quad);
/// For any other `output_dim`.
pub static SCALAR: Kernel = build!("shared/output_scalar.wgsl", f32);

/// Where the sums go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// One row a run.
    Compact,
    /// The rows of a shard.
    Dense,
}

/// One dispatch over some of the runs, at least one: their number, and their [`Runs`] uniform.
pub(crate) fn dispatch(
    gpu: &Gpu,
    layout: TableLayout,
    runs: &SortedRuns,
    (run_count, uniform): &(u32, Section),
    sums: wgpu::BufferBinding<'_>,
    output: wgpu::BufferBinding<'_>,
    target: Target,
) -> Result<Dispatch> {
    let mapping = RowMapping::moved(gpu, layout);
    let kernel = mapping.by_width(&VEC4, &SCALAR);
    let pipeline = mapping.pipeline(gpu, kernel, Some(target == Target::Dense))?;
    gpu.dispatch(&pipeline, &[output, uniform.binding(), runs.rows.binding(), sums], mapping.workgroups(*run_count))
}
