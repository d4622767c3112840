//! The GPU's own time of each kernel, by timestamps around each dispatch.

use std::time::Duration;

use super::device::{Dispatch, Gpu, lock};
use super::readback::{PIECE_BYTES, Waiting};
use crate::error::{Error, Result};

/// Timestamps in a query set, at most, as WebGPU has it; two for each dispatch.
const MAX_TIMESTAMPS: u32 = 4_096;

/// The GPU's own time of one dispatch of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelTime {
    /// The kernel's name.
    pub kernel: &'static str,
    /// From the first dispatch's begin to this one's.
    pub begin: Duration,
    /// From the first dispatch's begin to this one's end.
    pub end: Duration,
}

impl KernelTime {
    /// What the dispatch took.
    pub fn duration(&self) -> Duration {
        self.end.saturating_sub(self.begin)
    }
}

/// The dispatches that were recorded since timing began.
#[derive(Debug)]
pub(crate) struct Profile {
    timestamps: wgpu::QuerySet,
    kernels: Vec<&'static str>,
}

impl Profile {
    /// Where a dispatch's timestamps go, if there is room.
    fn writes(&mut self, dispatch: &Dispatch) -> Option<wgpu::ComputePassTimestampWrites<'_>> {
        let first = self.kernels.len() as u32 * 2;
        if first + 2 > MAX_TIMESTAMPS {
            return None;
        }
        self.kernels.push(dispatch.kernel());
        Some(wgpu::ComputePassTimestampWrites {
            query_set: &self.timestamps,
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        })
    }
}

impl Gpu {
    /// From now on each dispatch that is recorded is timed, in a pass of its own.
    ///
    /// # Errors
    ///
    /// [`Error::NoTimestamps`] where the device was made without them.
    pub(crate) fn start_timing(&self) -> Result<()> {
        if !self.device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return Err(Error::NoTimestamps);
        }
        let descriptor = wgpu::QuerySetDescriptor {
            label: Some("kernel times"),
            ty: wgpu::QueryType::Timestamp,
            count: MAX_TIMESTAMPS,
        };
        let (timestamps, error) = self.scoped(|| self.device.create_query_set(&descriptor));
        if let Some(error) = error {
            return Err(Error::Device { doing: "making a query set", reason: error.to_string() });
        }
        *lock(&self.profile) = Some(Profile { timestamps, kernels: Vec::new() });
        Ok(())
    }

    /// Records dispatches each in a pass of its own, where they are timed; whether they are.
    pub(super) fn record_timed(&self, encoder: &mut wgpu::CommandEncoder, dispatches: &[Dispatch]) -> bool {
        let mut profile = lock(&self.profile);
        let Some(profile) = profile.as_mut() else { return false };
        for dispatch in dispatches {
            let timestamp_writes = profile.writes(dispatch);
            let descriptor = wgpu::ComputePassDescriptor { label: Some(dispatch.kernel()), timestamp_writes };
            dispatch.record(&mut encoder.begin_compute_pass(&descriptor));
        }
        true
    }

    /// The times of what was recorded since [`start_timing`](Self::start_timing), all of which must be submitted.
    pub(crate) async fn take_times(&self, waiting: Waiting) -> Result<Vec<KernelTime>> {
        let Some(Profile { timestamps, kernels }) = lock(&self.profile).take() else { return Ok(Vec::new()) };
        if kernels.is_empty() {
            return Ok(Vec::new());
        }
        let (count, bytes) = (kernels.len() as u32 * 2, kernels.len() as u64 * 16);
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        let resolved = self.allocate("kernel times", bytes, usage)?;
        let mut encoder = self.encoder("kernel times");
        encoder.resolve_query_set(&timestamps, 0..count, &resolved, 0);
        self.submit(encoder)?;
        let mut ticks: Vec<u64> = Vec::new();
        let take = |bytes: &[u8]| ticks.extend(bytes.chunks_exact(8).map(bytemuck::pod_read_unaligned::<u64>));
        self.read(&resolved, 0..bytes, PIECE_BYTES, waiting, take).await?;
        // A recording that was dropped, or failed, has left its own at zero.
        let is_written = |pair: &&[u64]| pair.iter().all(|&ticks| ticks > 0);
        let first = ticks.chunks_exact(2).filter(is_written).map(|pair| pair[0]).min().unwrap_or(0);
        let period = f64::from(self.queue.get_timestamp_period());
        let since = |ticks: u64| Duration::from_nanos(((ticks - first) as f64 * period) as u64);
        let pairs = ticks.chunks_exact(2).zip(kernels).filter(|(pair, _)| is_written(pair));
        Ok(pairs.map(|(pair, kernel)| KernelTime { kernel, begin: since(pair[0]), end: since(pair[1]) }).collect())
    }
}
