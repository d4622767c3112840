//! The optimizer's step on the batch's rows.

use super::inputs::Runs;
use super::{Kernel, parts};
use crate::optimizer::Rule;
use crate::shader::{Part, part};
use crate::storage::Storage;

static UPDATE_ROWS: Part = part!("update_rows.wgsl");

/// Of rows that are current, or with `deferred` after the steps that they have missed.
pub(crate) fn kernel(runs: Runs, rule: &dyn Rule, deferred: bool, storage: Storage) -> Kernel {
    let table = [
        &parts::ARITHMETIC,
        &parts::GRID,
        &parts::ROW,
        &parts::SHARD,
        &parts::SENTINELS,
        &parts::PLAN_LAYOUT,
        &parts::PLAN,
    ];
    let runs = match runs {
        Runs::Short(width) => {
            vec![parts::gradient(width), &parts::ADD_UP_TO, &parts::SUM_LOOKUPS, &parts::SHORT_RUNS]
        }
        Runs::Long => vec![
            &parts::ADD_UP_TO,
            &parts::PARTIAL_SLOTS,
            &parts::SUM_CHUNKS,
            &parts::SUM_PARTIALS,
            &parts::LONG_RUNS,
        ],
    };
    let own = [&parts::QUAD, &parts::STORE_QUAD, &parts::ROW_STATE, &parts::STEP, &parts::CLIPPING];
    let rows = parts::table_write(storage).chain(own);
    let catch_up = match rule.catch_up().filter(|_| deferred) {
        Some(catch_up) => {
            catch_up.iter().copied().chain([&parts::HISTORY, &parts::SEGMENTS, &parts::BEHIND_ROWS]).collect()
        }
        None => vec![&parts::CURRENT_ROWS],
    };
    let rule = parts::row_term(rule).iter().chain(rule.parts()).copied().chain(catch_up);
    Kernel::new("update_rows", table.into_iter().chain(runs).chain(rows).chain(rule).chain([&UPDATE_ROWS]))
}
