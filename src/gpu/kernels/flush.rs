//! Brings rows up to the last step, or to the last cut, whether a batch has them or not.

use super::inputs::FlushedRows;
use super::{Kernel, parts};
use crate::optimizer::Rule;
use crate::shader::{Binding, Part, part};
use crate::storage::Storage;

/// Its own group 1 are the rows.
pub(crate) static FLUSH: Part = part!("flush.wgsl")
    .binds(&[Binding::uniform::<FlushedRows>(1, 0, "rows")])
    .mirrors(&[("NOW", NOW), ("BEFORE", BEFORE)]);

/// In place of a step: the last one that the GPU has made, which may be behind the last that was recorded.
pub(crate) const NOW: u32 = u32::MAX;

/// The same, but for the pass of a step: the one before it. Odd, as no cut is.
pub(crate) const BEFORE: u32 = u32::MAX - 2;

/// `None` for a rule that has nothing to catch up.
pub(crate) fn kernel(rule: &dyn Rule, storage: Storage) -> Option<Kernel> {
    let catch_up = rule.catch_up()?;
    let table = [&parts::ARITHMETIC, &parts::GRID, &parts::ROW, &parts::SHARD];
    let rows = parts::table_write(storage).chain([&parts::QUAD, &parts::STORE_QUAD, &parts::ROW_STATE, &parts::STEP]);
    let own = catch_up.iter().copied().chain([&parts::HISTORY, &parts::SEGMENTS, &parts::BEHIND_ROWS, &FLUSH]);
    Some(Kernel::new("flush", table.into_iter().chain(rows).chain(own)))
}
