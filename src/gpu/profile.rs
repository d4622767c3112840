//! The GPU's own time of each kernel, by timestamps around each dispatch.

use std::time::Duration;

use super::device::{Dispatch, Gpu, lock};
use super::readback::{PIECE_BYTES, Waiting};
use crate::error::{Error, Result};

/// Timestamps in a query set, at most, as WebGPU has it; two for each dispatch.
const MAX_TIMESTAMPS: u32 = 4_096;

const TIMESTAMP_BYTES: u64 = 8;

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

/// The recordings since timing began.
#[derive(Debug)]
pub(crate) struct Profile {
    timestamps: wgpu::QuerySet,
    recordings: Vec<Timing>,
}

/// Where the timestamps of one recording go, two for each of its dispatches.
#[derive(Debug, Clone)]
pub(super) struct Timing {
    timestamps: wgpu::QuerySet,
    first: u32,
    kernels: Vec<&'static str>,
    /// Zeros as long as the recording was not submitted. A query that was never written may never be resolved: some drivers
    /// wait for it for ever. So each recording resolves its own.
    resolved: wgpu::Buffer,
}

impl Timing {
    fn end(&self) -> u32 {
        self.first + 2 * self.kernels.len() as u32
    }

    /// Records the dispatches, each in a pass of its own.
    pub(super) fn record(&self, encoder: &mut wgpu::CommandEncoder, dispatches: &[Dispatch]) {
        for (begin, dispatch) in (self.first..).step_by(2).zip(dispatches) {
            let timestamp_writes = Some(wgpu::ComputePassTimestampWrites {
                query_set: &self.timestamps,
                beginning_of_pass_write_index: Some(begin),
                end_of_pass_write_index: Some(begin + 1),
            });
            let descriptor = wgpu::ComputePassDescriptor { label: Some(dispatch.kernel()), timestamp_writes };
            dispatch.record(&mut encoder.begin_compute_pass(&descriptor));
        }
        encoder.resolve_query_set(&self.timestamps, self.first..self.end(), &self.resolved, 0);
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
        *lock(&self.profile) = Some(Profile { timestamps, recordings: Vec::new() });
        Ok(())
    }

    /// Where the times of these dispatches go, if they are timed.
    pub(super) fn timing(&self, dispatches: &[Dispatch]) -> Result<Option<Timing>> {
        let mut profile = lock(&self.profile);
        let Some(Profile { timestamps, recordings }) = profile.as_mut() else { return Ok(None) };
        let first = recordings.last().map_or(0, Timing::end);
        let count = 2 * dispatches.len() as u32;
        if count == 0 || first + count > MAX_TIMESTAMPS {
            return Ok(None);
        }
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        let resolved = self.allocate("kernel times", u64::from(count) * TIMESTAMP_BYTES, usage)?;
        let kernels = dispatches.iter().map(Dispatch::kernel).collect();
        let timing = Timing { timestamps: timestamps.clone(), first, kernels, resolved };
        recordings.push(timing.clone());
        Ok(Some(timing))
    }

    /// The times of what was recorded since [`start_timing`](Self::start_timing), and submitted by now.
    pub(crate) async fn take_times(&self, waiting: Waiting) -> Result<Vec<KernelTime>> {
        let Some(Profile { recordings, .. }) = lock(&self.profile).take() else { return Ok(Vec::new()) };
        let Some(last) = recordings.last() else { return Ok(Vec::new()) };
        let bytes = u64::from(last.end()) * TIMESTAMP_BYTES;
        let all =
            self.allocate("kernel times", bytes, wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC)?;
        let mut encoder = self.encoder("kernel times");
        for Timing { first, resolved, .. } in &recordings {
            encoder.copy_buffer_to_buffer(resolved, 0, &all, u64::from(*first) * TIMESTAMP_BYTES, resolved.size());
        }
        self.submit(encoder)?;
        let mut ticks: Vec<u64> = Vec::new();
        let take = |bytes: &[u8]| ticks.extend(bytes.chunks_exact(8).map(bytemuck::pod_read_unaligned::<u64>));
        self.read(&all, 0..bytes, PIECE_BYTES, waiting, take).await?;
        let is_written = |pair: &&[u64]| pair.iter().all(|&ticks| ticks > 0);
        let first = ticks.chunks_exact(2).filter(is_written).map(|pair| pair[0]).min().unwrap_or(0);
        let period = f64::from(self.queue.get_timestamp_period());
        let since = |ticks: u64| Duration::from_nanos(((ticks - first) as f64 * period) as u64);
        let kernels = recordings.iter().flat_map(|recording| &recording.kernels);
        let pairs = ticks.chunks_exact(2).zip(kernels).filter(|(pair, _)| is_written(pair));
        Ok(pairs.map(|(pair, &kernel)| KernelTime { kernel, begin: since(pair[0]), end: since(pair[1]) }).collect())
    }
}
