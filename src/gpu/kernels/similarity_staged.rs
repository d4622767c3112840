//! What `similarity` computes, with rows that go through workgroup memory: for GPUs.

use super::{Kernel, parts};
use crate::shader::{Binding, Pair, Part, Quad, part};
use crate::storage::Storage;

const FILE: Part = part!("similarity_staged.wgsl").with_constants(&["QUADS", "COSINE", "QUERIES"]);
const QUERIES_READ: Binding = Binding::read::<Quad>(0, 2, "queries");
const KEYS: Binding = Binding::read_write::<u32>(0, 3, "keys");
static SINGLE: Part = FILE.binds(&[Binding::read::<Quad>(0, 1, "weights"), QUERIES_READ, KEYS]);
static HALF: Part = FILE.binds(&[Binding::read::<Pair>(0, 1, "weights"), QUERIES_READ, KEYS]);

/// Of weights that are kept so. A workgroup takes a row for each of its threads.
pub(crate) fn kernel(storage: Storage) -> Kernel {
    let own = if storage == Storage::F32 { &SINGLE } else { &HALF };
    Kernel::new("similarity_staged", [&parts::GRID, &parts::PIECE, &parts::SCORE_KEY, parts::unpacking(storage), own])
}
