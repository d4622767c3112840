//! `sums[run, :] = sum of the gradients of the run's lookups`, in a fixed order.

use super::{Binding, Kernel, Quad, WORKGROUP_SIZE, part, shader_struct};
use crate::error::Result;
use crate::gpu::TableLayout;
use crate::gpu::batch::{Section, SortedRuns};
use crate::gpu::device::{Dispatch, Gpu};
use crate::gpu::mapping::RowMapping;

macro_rules! build {
    ($gradient:literal, $element:ty) => {
        Kernel {
            name: "scatter_add",
            parts: &[
                part!("shared/grid.wgsl"),
                part!("shared/row.wgsl"),
                part!($gradient),
                part!("scatter_add.wgsl"),
            ],
            bindings: &[
                Binding::read::<$element>("gradient"),
                Binding::uniform::<Level>("level"),
                Binding::read::<Segment>("segments"),
                Binding::read::<u32>("order"),
                Binding::read_write::<Quad>("sums"),
            ],
            constants: &["DIM", "QUADS", "THREADS"],
            mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE)],
        }
    };
}

/// For `output_dim` a multiple of 4.
pub static VEC4: Kernel = build!("shared/gradient_vec4.wgsl", Quad);
/// For any other `output_dim`.
pub static SCALAR: Kernel = build!("shared/gradient_scalar.wgsl", f32);

shader_struct! {
    /// `Level` in scatter_add.wgsl.
    pub(crate) struct Level {
        first_segment: u32,
        segment_count: u32,
        of_lookups: u32,
    }
}

shader_struct! {
    /// A sum of 1 to 64 items: `Segment` in scatter_add.wgsl.
    pub(crate) struct Segment {
        /// The first item: in `order` at level 0, in the sums above.
        first_item: u32,
        /// 1 to 64.
        item_count: u32,
        /// Where in the sums the result goes.
        destination: u32,
    }
}

/// One dispatch a level, in this order; `sums` has room for all of the runs' sums.
pub(crate) fn dispatches(
    gpu: &Gpu,
    layout: TableLayout,
    runs: &SortedRuns,
    gradient: wgpu::BufferBinding<'_>,
    sums: wgpu::BufferBinding<'_>,
) -> Result<Vec<Dispatch>> {
    let mapping = RowMapping::summed(layout);
    let pipeline = mapping.pipeline(gpu, mapping.by_width(&VEC4, &SCALAR), None)?;
    let of_level = |(segment_count, uniform): &(u32, Section)| {
        let resources =
            [gradient.clone(), uniform.binding(), runs.segments.binding(), runs.order.binding(), sums.clone()];
        gpu.dispatch(&pipeline, &resources, mapping.workgroups(*segment_count))
    };
    runs.levels.iter().map(of_level).collect()
}
