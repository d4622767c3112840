//! How threads share a table's rows: the constants that row kernels are compiled with (shaders/shared/row.wgsl).

use std::sync::Arc;

use super::TableLayout;
use super::device::{Constant, Gpu, Pipeline, constant};
use super::grid::WORKGROUP_SIZE;
use super::kernels::Kernel;
use super::kernels::inputs::Width;
use super::kernels::inputs::{CHUNK, TERM_QUADS_PER_THREAD};
use crate::error::Result;

/// Quads of a row that one thread copies or updates, at most. On a GPU neighbouring threads then read neighbouring
/// quads, and an index is read once in four quads. A software adapter runs eight threads in the lanes of one CPU core:
/// there whole rows a thread keep more cache misses in flight (gather at 64 floats: 9.6 ms with 4, 7.8 ms with 16;
/// lazy update: 4.8 and 4.0 ms).
const MOVED_QUADS_PER_THREAD: u32 = 4;
const MOVED_QUADS_PER_THREAD_ON_A_CPU: u32 = 16;

/// Rounds that the loops of one thread may take together on a software adapter: Mesa's leaves them after 65,535 without
/// a word, and what is not in this is for loops that are never long.
pub(crate) const MAX_ROUNDS_ON_A_CPU: u32 = 60_000;

/// Quads of a row that one thread sums, at most; on every adapter, for few chunks must occupy it (scatter-add at 64
/// floats on a software adapter: 14.2 ms with 4, 16.0 ms with 16).
const SUMMED_QUADS_PER_THREAD: u32 = 4;

/// The constants of shaders/shared/row.wgsl that a table with rows of `output_dim` floats has on a GPU.
pub fn row_constants_on_a_gpu(output_dim: u32) -> Vec<(&'static str, f64)> {
    let layout = TableLayout { input_dim: 1, output_dim, rows_per_shard: 1 };
    RowMapping::new(layout, MOVED_QUADS_PER_THREAD).constants().to_vec()
}

/// A table's rows, and the threads that work on each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowMapping {
    layout: TableLayout,
    threads: u32,
}

impl RowMapping {
    /// For kernels that copy or update rows, in a loop of at most `rounds` for a quad.
    pub(crate) fn moved(gpu: &Gpu, layout: TableLayout, rounds: u32, has_row_term: bool) -> Self {
        let quads_per_thread = match gpu.info.device_type {
            wgpu::DeviceType::Cpu => MOVED_QUADS_PER_THREAD_ON_A_CPU.min(MAX_ROUNDS_ON_A_CPU / rounds.max(1)).max(1),
            _ => MOVED_QUADS_PER_THREAD,
        };
        let most = if has_row_term { TERM_QUADS_PER_THREAD } else { quads_per_thread };
        Self::new(layout, quads_per_thread.min(most))
    }

    /// For kernels that sum rows.
    pub(crate) fn summed(layout: TableLayout) -> Self {
        Self::new(layout, SUMMED_QUADS_PER_THREAD)
    }

    /// A row takes a whole workgroup at most.
    fn new(layout: TableLayout, quads_per_thread: u32) -> Self {
        Self { layout, threads: layout.quads().div_ceil(quads_per_thread).min(WORKGROUP_SIZE) }
    }

    /// Whether a loop of so many rounds for each quad of a thread is one that this adapter runs to its end.
    pub(crate) fn runs_to_the_end(&self, gpu: &Gpu, rounds: u32) -> bool {
        let quads = u64::from(self.layout.quads().div_ceil(self.threads));
        gpu.info.device_type != wgpu::DeviceType::Cpu || quads * u64::from(rounds) <= MAX_ROUNDS_ON_A_CPU.into()
    }

    /// The constants of shaders/shared/row.wgsl.
    pub(crate) fn constants(&self) -> [Constant; 3] {
        let Self { layout, threads } = self;
        [constant("DIM", layout.output_dim), constant("QUADS", layout.quads()), constant("THREADS", *threads)]
    }

    /// A kernel compiled for these rows, with other constants.
    pub(crate) fn pipeline(&self, gpu: &Gpu, kernel: &Kernel, own: &[Constant]) -> Result<Arc<Pipeline>> {
        gpu.pipeline(kernel, &[&self.constants(), own].concat())
    }

    /// How the caller's rows are read and written.
    pub(crate) fn width(&self) -> Width {
        Width::of(self.layout.output_dim)
    }

    /// Workgroups that give each of `rows` rows its threads: those of a row are all of one workgroup.
    pub(crate) fn workgroups(&self, rows: u32) -> u64 {
        u64::from(rows).div_ceil((WORKGROUP_SIZE / self.threads).into())
    }

    /// Workgroups that take so many chunks of rows, each as many whole ones as it has threads for, at least one.
    pub(crate) fn workgroups_of_chunks(&self, chunks: u32) -> u64 {
        u64::from(chunks).div_ceil((WORKGROUP_SIZE / self.threads / CHUNK).max(1).into())
    }
}
