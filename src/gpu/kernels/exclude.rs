//! `keys[query, row] =` no candidate, for rows to leave out.

use super::{Kernel, parts};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu, Resource};
use crate::gpu::grid::WORKGROUP_SIZE;
use crate::shader::{Binding, Part, part, shader_struct};

static EXCLUDE: Part = part!("exclude.wgsl")
    .binds(&[Binding::read::<Excluded>(0, 1, "excluded"), Binding::read_write::<u32>(0, 2, "keys")])
    .mirrors(&[("EVERY_QUERY", EVERY_QUERY)]);

/// In place of a query's number.
pub(crate) const EVERY_QUERY: u32 = u32::MAX;

shader_struct! {
    /// `Excluded` in exclude.wgsl.
    #[derive(Eq, PartialOrd, Ord)]
    pub(crate) struct Excluded {
        query: u32,
        row: u32,
    }
}

pub(crate) fn kernel() -> Kernel {
    Kernel::new("exclude", [&parts::GRID, &parts::PIECE, &parts::SCORE_KEY, &EXCLUDE])
}

/// One dispatch over `pair_count` pairs, at least one; `resources` are `piece`, `excluded` and `keys`.
pub(crate) fn dispatch(gpu: &Gpu, pair_count: u32, resources: &[Resource<'_>; 3]) -> Result<Dispatch> {
    let workgroups = u64::from(pair_count).div_ceil(WORKGROUP_SIZE.into());
    gpu.dispatch_alone(&gpu.pipeline(&kernel(), &[])?, resources, workgroups)
}
