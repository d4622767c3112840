//! From the GPU to the host: async first, the blocking calls wait for the same future.

use std::future::poll_fn;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use super::device::{Gpu, lock};
use crate::error::{Error, Result};

/// Bytes copied at once: a large table is read through one small buffer.
pub(crate) const PIECE_BYTES: u64 = 32 << 20;

/// How a future waits for the GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// Inside the first poll, asleep; for the blocking calls, on native alone.
    #[cfg(not(target_arch = "wasm32"))]
    Block,
    /// By giving the thread back to the executor between polls of the device.
    Yield,
}

/// Drives a future to its end on this thread.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn block_on<F: Future>(future: impl FnOnce(Waiting) -> F) -> F::Output {
    pollster::block_on(future(Waiting::Block))
}

/// Appends the floats that a GPU wrote.
pub(crate) fn extend_from_le_bytes(values: &mut Vec<f32>, bytes: &[u8]) {
    values.extend(bytes.chunks_exact(4).map(|word| f32::from_le_bytes(word.try_into().expect("four bytes"))));
}

impl Gpu {
    /// Reads `bytes` of `buffer`, which must have `COPY_SRC`, piece by piece; `take` gets each piece in order.
    ///
    /// `piece` must be a multiple of 4, and so must the range's ends. Submits: what was submitted before is seen.
    pub(crate) async fn read(
        &self,
        buffer: &wgpu::Buffer,
        bytes: Range<u64>,
        piece: u64,
        waiting: Waiting,
        mut take: impl FnMut(&[u8]),
    ) -> Result<()> {
        let take = |bytes: &[u8]| {
            take(bytes);
            Ok(())
        };
        self.try_read(buffer, bytes, piece, waiting, take).await
    }

    /// The same, ended by the first error of `take`.
    pub(crate) async fn try_read(
        &self,
        buffer: &wgpu::Buffer,
        bytes: Range<u64>,
        piece: u64,
        waiting: Waiting,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = self.allocate("readback", piece.min(bytes.end - bytes.start), usage)?;
        let mut start = bytes.start;
        while start < bytes.end {
            let size = piece.min(bytes.end - start);
            let mut encoder = self.encoder("readback");
            encoder.copy_buffer_to_buffer(buffer, start, &staging, 0, size);
            self.submit(encoder)?;
            self.map(&staging, size, waiting).await?;
            {
                let view = staging.get_mapped_range(..size).map_err(device_error)?;
                take(&view)?;
            }
            staging.unmap();
            start += size;
        }
        Ok(())
    }

    /// Maps the first `size` bytes for reading.
    async fn map(&self, staging: &wgpu::Buffer, size: u64, waiting: Waiting) -> Result<()> {
        #[derive(Default)]
        struct Mapped {
            result: Option<Result<(), wgpu::BufferAsyncError>>,
            waker: Option<Waker>,
        }
        let mapped = Arc::new(Mutex::new(Mapped::default()));
        let callback = mapped.clone();
        let map = || {
            staging.map_async(wgpu::MapMode::Read, ..size, move |result| {
                let mut mapped = lock(&callback);
                mapped.result = Some(result);
                if let Some(waker) = mapped.waker.take() {
                    waker.wake();
                }
            });
        };
        if let ((), Some(error)) = self.scoped(map) {
            return Err(device_error(error));
        }
        poll_fn(|context| {
            // The callback runs inside this poll, so no lock is held over it.
            let poll_type = match waiting {
                #[cfg(not(target_arch = "wasm32"))]
                Waiting::Block => wgpu::PollType::wait_indefinitely(),
                Waiting::Yield => wgpu::PollType::Poll,
            };
            if let Err(error) = self.device.poll(poll_type) {
                return Poll::Ready(Err(device_error(error)));
            }
            let mut mapped = lock(&mapped);
            if let Some(result) = mapped.result.take() {
                return Poll::Ready(result.map_err(device_error));
            }
            mapped.waker = Some(context.waker().clone());
            // In a browser the callback comes by itself; elsewhere somebody must poll the device, so come back.
            #[cfg(not(target_arch = "wasm32"))]
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }
}

fn device_error(error: impl std::fmt::Display) -> Error {
    Error::Device { doing: "reading back from the GPU", reason: error.to_string() }
}
