//! `lists[query, list, :] =` the best candidates of each tile, in order.

use super::{Binding, Kernel, PIECE, Pair, WORKGROUP_SIZE, part, shader_struct};
use crate::error::Result;
use crate::gpu::device::{Dispatch, Gpu};

/// The one build.
pub static KERNEL: Kernel = Kernel {
    name: "top_k",
    parts: &[
        part!("shared/grid.wgsl"),
        part!("shared/piece.wgsl"),
        part!("shared/score_key.wgsl"),
        part!("top_k.wgsl"),
    ],
    groups: &[
        &[PIECE],
        &[
            Binding::uniform::<Selection>(0, "selection"),
            Binding::read::<Pair>(1, "pairs"),
            Binding::read::<u32>(2, "keys"),
            Binding::read_write::<Pair>(3, "lists"),
        ],
    ],
    constants: &["SOURCE"],
    mirrored: &[
        ("WORKGROUP_SIZE", WORKGROUP_SIZE),
        ("TILE", TILE),
        ("GROUP", GROUP),
        ("NO_CANDIDATE", NO_CANDIDATE),
        ("NOT_A_NUMBER", NOT_A_NUMBER),
        ("PAIRS", Source::Pairs as u32),
        ("GROUPS", Source::Groups as u32),
    ],
};

/// Candidates that a workgroup sorts.
pub(crate) const TILE: u32 = 1024;

/// Rows of a group.
pub(crate) const GROUP: u32 = 64;

/// Keys that are no float's: of a row that was left out, or is not there, and of any NaN.
pub(crate) const NO_CANDIDATE: u32 = 0;
pub(crate) const NOT_A_NUMBER: u32 = 1;

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

/// One dispatch, a workgroup for each list of each query; `resources` are the selection, the pairs, the keys and the
/// lists.
pub(crate) fn dispatch(
    gpu: &Gpu,
    source: Source,
    (lists, query_count): (u32, u32),
    piece: wgpu::BufferBinding<'_>,
    resources: &[wgpu::BufferBinding<'_>; 4],
) -> Result<Dispatch> {
    let pipeline = gpu.pipeline(&KERNEL, &[f64::from(source as u32)])?;
    let piece = gpu.bind("top_k", KERNEL.groups[0], &[piece])?;
    let selection = gpu.bind("top_k", KERNEL.groups[1], resources)?;
    gpu.dispatch(&pipeline, [Some(&piece), Some(&selection), None], u64::from(lists) * u64::from(query_count))
}
