//! `best[query, group] =` the best of each group of rows.

use super::{Kernel, parts};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu, Resource};
use crate::gpu::grid::WORKGROUP_SIZE;
use crate::shader::{Binding, Pair, Part, part};

static GROUP_BEST: Part =
    part!("group_best.wgsl").binds(&[Binding::read::<u32>(0, 1, "keys"), Binding::read_write::<Pair>(0, 2, "best")]);

pub(crate) fn kernel() -> Kernel {
    Kernel::new("group_best", [&parts::GRID, &parts::PIECE, &parts::SCORE_KEY, &GROUP_BEST])
}

/// One dispatch over all groups of all queries; `resources` are `piece`, `keys` and `best`.
pub(crate) fn dispatch(
    gpu: &Gpu,
    (group_count, query_count): (u32, u32),
    resources: &[Resource<'_>; 3],
) -> Result<Dispatch> {
    let threads = u64::from(group_count) * u64::from(query_count);
    gpu.dispatch_alone(&gpu.pipeline(&kernel(), &[])?, resources, threads.div_ceil(WORKGROUP_SIZE.into()))
}
