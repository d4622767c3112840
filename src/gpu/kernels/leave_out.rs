//! `keys[query, row] =` no candidate, for rows to leave out.

use super::{Binding, Kernel, PIECE, WORKGROUP_SIZE, part, shader_struct};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu};

/// The one build.
pub static KERNEL: Kernel = Kernel {
    name: "leave_out",
    parts: &[
        part!("shared/grid.wgsl"),
        part!("shared/piece.wgsl"),
        part!("shared/score_key.wgsl"),
        part!("leave_out.wgsl"),
    ],
    groups: &[&[PIECE, Binding::read::<LeftOut>(1, "left_out"), Binding::read_write::<u32>(2, "keys")]],
    constants: &[],
    mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE), ("EVERY_QUERY", EVERY_QUERY)],
};

/// In place of a query's number.
pub(crate) const EVERY_QUERY: u32 = u32::MAX;

shader_struct! {
    /// `LeftOut` in leave_out.wgsl.
    #[derive(Eq, PartialOrd, Ord)]
    pub(crate) struct LeftOut {
        query: u32,
        row: u32,
    }
}

/// One dispatch over `pair_count` pairs, at least one; `resources` are the piece, the pairs and the keys.
pub(crate) fn dispatch(gpu: &Gpu, pair_count: u32, resources: &[wgpu::BufferBinding<'_>; 3]) -> Result<Dispatch> {
    let pipeline = gpu.pipeline(&KERNEL, &[])?;
    gpu.dispatch_alone(&pipeline, resources, u64::from(pair_count).div_ceil(WORKGROUP_SIZE.into()))
}
