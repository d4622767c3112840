//! `best[query, group] =` the best of each group of rows.

use super::{Binding, Kernel, PIECE, Pair, WORKGROUP_SIZE, part};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu};

/// The one build.
pub static KERNEL: Kernel = Kernel {
    name: "group_best",
    parts: &[part!("shared/grid.wgsl"), part!("shared/piece.wgsl"), part!("group_best.wgsl")],
    groups: &[&[PIECE, Binding::read::<u32>(1, "keys"), Binding::read_write::<Pair>(2, "best")]],
    constants: &[],
    mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE)],
};

/// One dispatch over all groups of all queries; `resources` are the piece, the keys and the best.
pub(crate) fn dispatch(
    gpu: &Gpu,
    (group_count, query_count): (u32, u32),
    resources: &[wgpu::BufferBinding<'_>; 3],
) -> Result<Dispatch> {
    let pipeline = gpu.pipeline(&KERNEL, &[])?;
    let threads = u64::from(group_count) * u64::from(query_count);
    gpu.dispatch_alone(&pipeline, resources, threads.div_ceil(WORKGROUP_SIZE.into()))
}
