//! `lists[query, list, :] =` the best candidates of each tile, in order.

use super::{Kernel, parts};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu, Resource, constant};
use crate::shader::{Binding, Pair, Part, part, shader_struct};

static TOP_K: Part = part!("top_k.wgsl")
    .binds(&[
        Binding::uniform::<Selection>(1, 0, "selection"),
        Binding::read::<Pair>(1, 1, "pairs"),
        Binding::read::<u32>(1, 2, "keys"),
        Binding::read_write::<Pair>(1, 3, "lists"),
    ])
    .with_constants(&["SOURCE"])
    .mirrors(&[("TILE", TILE), ("GROUP", GROUP), ("PAIRS", Source::Pairs as u32), ("GROUPS", Source::Groups as u32)]);

/// Candidates that a workgroup sorts.
pub(crate) const TILE: u32 = 1024;

/// Rows of a group.
pub(crate) const GROUP: u32 = 64;

/// Where candidates come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Pairs of key and row.
    Pairs = 0,
    /// The rows of groups, of which the pairs are the best rows.
    Groups = 1,
}

shader_struct! {
    /// `Selection` in top_k.wgsl.
    pub(crate) struct Selection {
        count: u32,
        lists: u32,
        keep: u32,
        stride: u32,
        start: u32,
    }
}

pub(crate) fn kernel() -> Kernel {
    Kernel::new("top_k", [&parts::GRID, &parts::PIECE, &parts::SCORE_KEY, &TOP_K])
}

/// One dispatch, a workgroup for each list of each query; `resources` are `selection`, `pairs`, `keys` and `lists`.
pub(crate) fn dispatch(
    gpu: &Gpu,
    source: Source,
    (lists, query_count): (u32, u32),
    piece: Resource<'_>,
    resources: &[Resource<'_>; 4],
) -> Result<Dispatch> {
    let pipeline = gpu.pipeline(&kernel(), &[constant("SOURCE", source as u32)])?;
    let piece = gpu.bind(&pipeline, 0, &[piece])?;
    let selection = gpu.bind(&pipeline, 1, resources)?;
    let workgroups = u64::from(lists) * u64::from(query_count);
    gpu.dispatch(&pipeline, [Some(&piece), Some(&selection), None], workgroups)
}
