//! `keys[query, row] =` the query's score with the row.

use super::{Binding, Kernel, PIECE, Quad, WORKGROUP_SIZE, part};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu};

/// The one build.
pub static KERNEL: Kernel = Kernel {
    name: "similarity",
    parts: &[
        part!("shared/grid.wgsl"),
        part!("shared/piece.wgsl"),
        part!("shared/score_key.wgsl"),
        part!("similarity.wgsl"),
    ],
    groups: &[&[
        PIECE,
        Binding::read::<Quad>(1, "weights"),
        Binding::read::<Quad>(2, "queries"),
        Binding::read_write::<u32>(3, "keys"),
    ]],
    constants: &["QUADS", "COSINE"],
    mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE)],
};

/// Queries that a thread takes.
pub(crate) const QUERIES: u32 = 4;

/// One dispatch over all rows of the piece and `query_count` queries, a multiple of [`QUERIES`]; `resources` are the
/// piece, the shard's weights, the queries and the keys.
pub(crate) fn dispatch(
    gpu: &Gpu,
    (quads, cosine): (u32, bool),
    (row_count, query_count): (u32, u32),
    resources: &[wgpu::BufferBinding<'_>; 4],
) -> Result<Dispatch> {
    let pipeline = gpu.pipeline(&KERNEL, &[quads.into(), u32::from(cosine).into()])?;
    let threads = u64::from(row_count) * u64::from(query_count / QUERIES);
    gpu.dispatch_alone(&pipeline, resources, threads.div_ceil(WORKGROUP_SIZE.into()))
}
