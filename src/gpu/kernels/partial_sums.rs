//! The sums of the chunks of rows with more lookups than a chunk, level by level.

use super::inputs::Width;
use super::{Kernel, parts};
use crate::shader::{Binding, Part, Quad, part};

static PARTIAL_SUMS: Part =
    part!("partial_sums.wgsl").binds(&[Binding::read_write::<Quad>(0, 0, "sums")]).with_constants(&["LEVEL"]);

/// From a gradient of this width.
pub(crate) fn kernel(width: Width) -> Kernel {
    let table = [&parts::ARITHMETIC, &parts::GRID, &parts::ROW, &parts::SENTINELS, &parts::PLAN_LAYOUT, &parts::PLAN];
    let sums = [&parts::ADD_UP_TO, &parts::SUM_LOOKUPS, &parts::PARTIAL_SLOTS, &parts::SUM_CHUNKS];
    let own = [parts::gradient(width)].into_iter().chain(sums).chain([&PARTIAL_SUMS]);
    Kernel::new("partial_sums", table.into_iter().chain(own))
}
