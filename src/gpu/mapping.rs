//! How threads share a table's rows: the constants that row kernels are compiled with (shaders/shared/row.wgsl).

use std::sync::Arc;

use super::TableLayout;
use super::device::{Constant, Gpu, Pipeline, constant};
use super::grid::WORKGROUP_SIZE;
use super::kernels::Kernel;
use super::kernels::inputs::Width;
use super::kernels::inputs::{CHUNK, TERM_QUADS_PER_THREAD};
use crate::error::Result;

/// How the threads of a workgroup share a table's rows. No bit of a row, of an output or of a gradient depends on it; scores of
/// [`nearest`](crate::GpuEmbedding::nearest) may differ in their last bits.
///
/// [`GpuContext::with_mapping`](crate::GpuContext::with_mapping) chooses one; unless that is called, the adapter's type does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mapping {
    /// For hardware: about one `vec4` a thread, so that neighbouring threads read neighbouring bytes; several lookups a
    /// thread, so that several cache misses are under way at once.
    Gpu,
    /// For adapters that run on the CPU: up to 16 `vec4`s a thread, for such an adapter runs eight threads in the lanes of
    /// one CPU core, and whole rows a thread keep more cache misses under way there.
    Cpu,
}

impl Mapping {
    /// What an adapter of this type gets.
    pub(crate) fn of(device: wgpu::DeviceType) -> Self {
        if device == wgpu::DeviceType::Cpu { Self::Cpu } else { Self::Gpu }
    }
}

/// Lanes that a row gets on a GPU, at most: those of the narrowest subgroup that is common.
const LANES_ON_A_GPU: u32 = 32;

/// Lookups whose loads are issued together, on a GPU: in a gather by one thread, in a sum one after the other. On a CPU
/// one at a time is faster (an update of a Zipf batch: 3.9 ms with 1, 8.1 with 4).
const LOADS_AHEAD_ON_A_GPU: u32 = 4;

/// Quads of a row that one thread copies or updates on a CPU, at most (gather at 64 floats: 9.6 ms with 4, 7.8 ms with 16;
/// lazy update: 4.8 and 4.0 ms).
const MOVED_QUADS_PER_THREAD_ON_A_CPU: u32 = 16;

/// Quads of a row that one thread sums on a CPU, at most; fewer, for few chunks must occupy it (scatter-add at 64 floats:
/// 14.2 ms with 4, 16.0 ms with 16).
const SUMMED_QUADS_PER_THREAD_ON_A_CPU: u32 = 4;

/// Rounds that the loops of one thread may take together on a software adapter: Mesa's leaves them after 65,535 without
/// a word, and what is not in this is for loops that are never long.
pub(crate) const MAX_ROUNDS_ON_A_CPU: u32 = 60_000;

/// The constants of shaders/shared/row.wgsl that a table with rows of `output_dim` floats has on a GPU. Past 1,024 floats sums,
/// and tables whose optimizer keeps a number a row, have more threads a row.
pub fn row_constants_on_a_gpu(output_dim: u32) -> Vec<(&'static str, f64)> {
    let layout = TableLayout { input_dim: 1, output_dim, rows_per_shard: 1 };
    RowMapping::on_a_gpu(layout, layout.quads()).constants().to_vec()
}

/// A table's rows, and the threads that work on each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowMapping {
    layout: TableLayout,
    threads: u32,
    /// Lookups that a thread of a gather takes.
    lookups: u32,
    /// Loads that a sum issues before it adds the first.
    ahead: u32,
}

impl RowMapping {
    /// For kernels that copy or update rows, in a loop of at most `rounds` for a quad.
    pub(crate) fn moved(gpu: &Gpu, layout: TableLayout, rounds: u32, has_row_term: bool) -> Self {
        let of_term = if has_row_term { TERM_QUADS_PER_THREAD } else { layout.quads() };
        // The limit is the adapter's, whatever the mapping.
        let of_rounds = match gpu.info.device_type {
            wgpu::DeviceType::Cpu => (MAX_ROUNDS_ON_A_CPU / rounds.max(1)).max(1),
            _ => layout.quads(),
        };
        let most = of_term.min(of_rounds);
        match gpu.mapping {
            Mapping::Gpu => Self::on_a_gpu(layout, most),
            Mapping::Cpu => Self::on_a_cpu(layout, MOVED_QUADS_PER_THREAD_ON_A_CPU.min(most)),
        }
    }

    /// For kernels that sum rows.
    pub(crate) fn summed(gpu: &Gpu, layout: TableLayout) -> Self {
        match gpu.mapping {
            Mapping::Gpu => Self::on_a_gpu(layout, TERM_QUADS_PER_THREAD),
            Mapping::Cpu => Self::on_a_cpu(layout, SUMMED_QUADS_PER_THREAD_ON_A_CPU),
        }
    }

    /// As many quads for each thread of a row as leave it no more than [`LANES_ON_A_GPU`], or `most` where that is fewer.
    fn on_a_gpu(layout: TableLayout, most: u32) -> Self {
        let quads_per_thread = layout.quads().div_ceil(LANES_ON_A_GPU).min(most);
        let ahead = LOADS_AHEAD_ON_A_GPU;
        Self { threads: threads(layout, quads_per_thread), layout, lookups: ahead, ahead }
    }

    fn on_a_cpu(layout: TableLayout, quads_per_thread: u32) -> Self {
        Self { threads: threads(layout, quads_per_thread), layout, lookups: 1, ahead: 1 }
    }

    /// Whether a loop of so many rounds for each quad of a thread is one that this adapter runs to its end.
    pub(crate) fn runs_to_the_end(&self, gpu: &Gpu, rounds: u32) -> bool {
        let quads = u64::from(self.layout.quads().div_ceil(self.threads));
        gpu.info.device_type != wgpu::DeviceType::Cpu || quads * u64::from(rounds) <= MAX_ROUNDS_ON_A_CPU.into()
    }

    /// The constants of shaders/shared/row.wgsl.
    pub(crate) fn constants(&self) -> [Constant; 5] {
        let Self { layout, threads, lookups, ahead } = self;
        [
            constant("DIM", layout.output_dim),
            constant("QUADS", layout.quads()),
            constant("THREADS", *threads),
            constant("LOOKUPS", *lookups),
            constant("AHEAD", *ahead),
        ]
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

    /// Workgroups of the gather for so many lookups, of which each thread takes several.
    pub(crate) fn workgroups_of_lookups(&self, lookups: u32) -> u64 {
        u64::from(lookups).div_ceil((WORKGROUP_SIZE / self.threads * self.lookups).into())
    }

    /// Workgroups that take so many chunks of rows, each as many whole ones as it has threads for, at least one.
    pub(crate) fn workgroups_of_chunks(&self, chunks: u32) -> u64 {
        u64::from(chunks).div_ceil((WORKGROUP_SIZE / self.threads / CHUNK).max(1).into())
    }
}

/// Of a row, with so many quads for each; a row takes a whole workgroup at most.
fn threads(layout: TableLayout, quads_per_thread: u32) -> u32 {
    layout.quads().div_ceil(quads_per_thread).min(WORKGROUP_SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_idles_few_threads() {
        for (output_dim, threads, rows) in
            [(1, 1, 256), (64, 16, 16), (100, 25, 10), (128, 32, 8), (300, 25, 10), (1024, 32, 8)]
        {
            let constants = row_constants_on_a_gpu(output_dim);
            assert!(constants.contains(&("THREADS", threads.into())), "{output_dim}: {constants:?}");
            assert_eq!(WORKGROUP_SIZE / threads, rows);
        }
    }
}
