//! What `similarity` computes, with rows that go through workgroup memory: for GPUs.

use super::{Kernel, parts};
use crate::shader::{Part, part};
use crate::storage::Storage;

static SIMILARITY_STAGED: Part = part!("similarity_staged.wgsl");

/// Of weights that are kept so. A workgroup takes a row for each of its threads.
pub(crate) fn kernel(storage: Storage) -> Kernel {
    let common = [&parts::GRID, &parts::PIECE, &parts::SCORE_KEY];
    Kernel::new("similarity_staged", common.into_iter().chain(parts::compared(storage)).chain([&SIMILARITY_STAGED]))
}
