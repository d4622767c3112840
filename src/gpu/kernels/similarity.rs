//! `keys[query, row] =` the query's score with the row: on CPU adapters by `similarity`, on GPUs by `similarity_staged`.

use super::{Kernel, parts, similarity_staged};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu, Resource, constant};
use crate::gpu::grid::WORKGROUP_SIZE;
use crate::gpu::mapping::Mapping;
use crate::shader::{Part, part};
use crate::storage::Storage;

static SIMILARITY: Part = part!("similarity.wgsl");

/// Queries that a thread takes, where there is more than one.
pub(crate) const QUERIES: u32 = 4;

/// Rows that a thread takes.
const ROWS: u32 = 4;

/// Of weights that are kept so.
pub(crate) fn kernel(storage: Storage) -> Kernel {
    let common = [&parts::GRID, &parts::PIECE, &parts::SCORE_KEY];
    Kernel::new("similarity", common.into_iter().chain(parts::compared(storage)).chain([&SIMILARITY]))
}

/// How many queries there must be for so many, with what fills them up.
pub(crate) fn padded(query_count: u32) -> u32 {
    if query_count == 1 { 1 } else { query_count.next_multiple_of(QUERIES) }
}

/// One dispatch over all rows of the piece and [`padded`] queries; `resources` are `piece`, the shard's `weights`,
/// `queries` and `keys`.
pub(crate) fn dispatch(
    gpu: &Gpu,
    (storage, quads, cosine): (Storage, u32, bool),
    (row_count, query_count): (u32, u32),
    resources: &[Resource<'_>; 4],
) -> Result<Dispatch> {
    let queries = query_count.min(QUERIES);
    let constants = [constant("QUADS", quads), constant("COSINE", cosine.into()), constant("QUERIES", queries)];
    let groups = u64::from(query_count / queries);
    let (kernel, workgroups) = match gpu.mapping {
        Mapping::Gpu => {
            let of_rows = u64::from(row_count.div_ceil(WORKGROUP_SIZE));
            (similarity_staged::kernel(storage), of_rows * groups)
        }
        Mapping::Cpu => {
            let threads = u64::from(row_count.div_ceil(ROWS)) * groups;
            (kernel(storage), threads.div_ceil(WORKGROUP_SIZE.into()))
        }
    };
    gpu.dispatch_alone(&gpu.pipeline(&kernel, &constants)?, resources, workgroups)
}
