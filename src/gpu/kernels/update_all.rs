//! The optimizer's step on every row.

use super::inputs::Width;
use super::{Kernel, parts};
use crate::optimizer::Rule;
use crate::shader::{Part, part};
use crate::storage::Storage;

static UPDATE_ALL: Part = part!("update_all.wgsl");

/// From the sums of the batch's rows, of this width.
pub(crate) fn kernel(width: Width, rule: &dyn Rule, storage: Storage) -> Kernel {
    let table = [
        &parts::ARITHMETIC,
        &parts::GRID,
        &parts::ROW,
        &parts::SHARD,
        &parts::SENTINELS,
        &parts::PLAN_LAYOUT,
        &parts::PLAN,
    ];
    let own = [&parts::QUAD, &parts::STORE_QUAD, &parts::ROW_STATE, &parts::STEP, &parts::CLIPPING];
    let rows = parts::table_write(storage).chain(own);
    Kernel::new(
        "update_all",
        table
            .into_iter()
            .chain([parts::gradient(width)])
            .chain(rows)
            .chain(parts::row_term(rule).iter().copied())
            .chain(rule.parts().iter().copied())
            .chain([&UPDATE_ALL]),
    )
}
