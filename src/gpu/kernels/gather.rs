//! `output[i, :] = table[indices[i], :]`

use super::inputs::{Lookup, Width};
use super::{Kernel, parts};
use crate::shader::{Part, part};
use crate::storage::Storage;

static GATHER: Part = part!("gather.wgsl");

/// Writes to the caller's output, of this width.
pub(crate) fn kernel(lookup: Lookup, width: Width, storage: Storage) -> Kernel {
    let table = [&parts::GRID, &parts::ROW, &parts::SHARD];
    let weights = [parts::output(width)].into_iter().chain(parts::weights_read(storage));
    Kernel::new("gather", table.into_iter().chain(lookups(lookup)).chain(weights).chain([&GATHER]))
}

/// What finds the lookups of a gather.
pub(super) fn lookups(lookup: Lookup) -> [&'static Part; 3] {
    let work = match lookup {
        Lookup::All => &parts::ALL_LOOKUPS,
        Lookup::OfShard => &parts::SHARD_LOOKUPS,
    };
    [&parts::SENTINELS, &parts::LOOKUPS, work]
}
