//! The summed gradient by itself: `output[run, :] = sum of the gradients of the run's lookups`, in a fixed order.

use super::inputs::Width;
use super::{Kernel, parts};
use crate::shader::{Part, part};

static SCATTER_ADD: Part = part!("scatter_add.wgsl").with_constants(&["DENSE"]);

/// From a gradient, and to an output, of this width.
pub(crate) fn kernel(width: Width) -> Kernel {
    let table = [&parts::ARITHMETIC, &parts::GRID, &parts::ROW, &parts::SHARD];
    Kernel::new("scatter_add", table.into_iter().chain(any_runs(width)).chain([parts::output(width), &SCATTER_ADD]))
}

/// What sums runs of any length.
pub(super) fn any_runs(width: Width) -> [&'static Part; 10] {
    [
        &parts::SENTINELS,
        &parts::PLAN_LAYOUT,
        &parts::PLAN,
        parts::gradient(width),
        &parts::ADD_UP_TO,
        &parts::SUM_LOOKUPS,
        &parts::PARTIAL_SLOTS,
        &parts::SUM_CHUNKS,
        &parts::SUM_PARTIALS,
        &parts::ANY_RUN,
    ]
}
