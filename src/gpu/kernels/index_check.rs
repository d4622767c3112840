//! Counts the GPU-resident indices outside the table.

use super::{Kernel, parts};
use crate::shader::{Binding, Part, part, shader_struct};

/// Its own group 0: the table and the report.
pub(crate) static INDEX_CHECK: Part = part!("index_check.wgsl")
    .binds(&[Binding::uniform::<TableSize>(0, 0, "table"), Binding::read_write::<Report>(0, 1, "report")]);

shader_struct! {
    /// `TableSize` in index_check.wgsl.
    pub(crate) struct TableSize {
        input_dim: u32,
    }
}

shader_struct! {
    /// `Report` in index_check.wgsl: all zeros when nothing was found.
    pub(crate) struct Report {
        count_low: u32,
        count_high: u32,
        first_complement: u32,
    }
}

impl Report {
    /// How many indices were outside the table and the lowest position of one, if any was.
    pub(crate) fn found(self) -> Option<(u64, u32)> {
        let count = u64::from(self.count_low) | u64::from(self.count_high) << 32;
        (count > 0).then_some((count, !self.first_complement))
    }
}

pub(crate) fn kernel() -> Kernel {
    Kernel::new("index_check", [&parts::GRID, &parts::SENTINELS, &parts::LOOKUPS, &INDEX_CHECK])
}
