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
    constants: &["QUADS", "COSINE", "QUERIES"],
    mirrored: &[("WORKGROUP_SIZE", WORKGROUP_SIZE)],
};

/// Queries that a thread takes, where there is more than one.
pub(crate) const QUERIES: u32 = 4;

/// Rows that a thread takes.
const ROWS: u32 = 4;

/// How many queries there must be for so many, with what fills them up.
pub(crate) fn padded(query_count: u32) -> u32 {
    if query_count == 1 { 1 } else { query_count.next_multiple_of(QUERIES) }
}

/// One dispatch over all rows of the piece and [`padded`] queries; `resources` are the piece, the shard's weights, the
/// queries and the keys.
pub(crate) fn dispatch(
    gpu: &Gpu,
    (quads, cosine): (u32, bool),
    (row_count, query_count): (u32, u32),
    resources: &[wgpu::BufferBinding<'_>; 4],
) -> Result<Dispatch> {
    let queries = query_count.min(QUERIES);
    let pipeline = gpu.pipeline(&KERNEL, &[quads, u32::from(cosine), queries].map(f64::from))?;
    let threads = u64::from(row_count.div_ceil(ROWS)) * u64::from(query_count / queries);
    gpu.dispatch_alone(&pipeline, resources, threads.div_ceil(WORKGROUP_SIZE.into()))
}
