//! `output[i, :] = table[indices[i], :]` of a table whose rows are caught up only when they are used.

use super::gather::lookups;
use super::inputs::{Lookup, Width};
use super::{Kernel, parts};
use crate::optimizer::Rule;
use crate::shader::{Part, part};
use crate::storage::Storage;

static GATHER_DEFERRED: Part = part!("gather_deferred.wgsl");

/// Writes to the caller's output, of this width. `None` for a rule that has nothing to catch up.
pub(crate) fn kernel(lookup: Lookup, width: Width, rule: &dyn Rule, storage: Storage) -> Option<Kernel> {
    let catch_up = rule.catch_up()?;
    let table = [&parts::ARITHMETIC, &parts::GRID, &parts::ROW, &parts::SHARD];
    let weights = parts::weights_read(storage).into_iter().chain(parts::packing(storage).iter().copied());
    let rows =
        weights.chain([parts::output(width), &parts::TABLE_READ, &parts::QUAD, &parts::ROW_STATE, &parts::STEP]);
    let own = catch_up.iter().copied().chain([&parts::HISTORY, &parts::SEGMENTS, &GATHER_DEFERRED]);
    Some(Kernel::new("gather_deferred", table.into_iter().chain(lookups(lookup)).chain(rows).chain(own)))
}
