//! Counts the GPU-resident indices outside the table.

use super::{Binding, Kernel, Lookups, part};

/// The one build.
pub static KERNEL: Kernel = Kernel {
    name: "index_check",
    parts: &[part!("shared/grid.wgsl"), part!("index_check.wgsl")],
    bindings: &[
        Binding::uniform::<Table>("table"),
        Binding::uniform::<Lookups>("lookups"),
        Binding::read::<u32>("indices"),
        Binding::read_write::<Report>("report"),
    ],
    constants: &[],
};

/// `Table` in index_check.wgsl.
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(crate) struct Table {
    pub input_dim: u32,
}

/// `Report` in index_check.wgsl: all zeros when nothing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(crate) struct Report {
    count_low: u32,
    count_high: u32,
    first_complement: u32,
}

impl Report {
    /// How many indices were outside the table and the lowest position of one, if any was.
    pub(crate) fn found(self) -> Option<(u64, u32)> {
        let count = u64::from(self.count_low) | u64::from(self.count_high) << 32;
        (count > 0).then_some((count, !self.first_complement))
    }
}
