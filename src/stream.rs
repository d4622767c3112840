//! IndexStream: prepares batches ahead of the GPU.

use crate::batch::{BatchMaker, HostIndices, IndexBatch};
use crate::error::Result;

/// An iterator over prepared batches, made by [`GpuEmbedding::stream`](crate::GpuEmbedding::stream).
///
/// A worker thread takes host batches from the caller's iterator, validates, sorts and uploads them, while the caller
/// and the GPU work on earlier ones:
///
/// 1. Batches come in the order of the source, each exactly once.
/// 2. At most `depth` batches are prepared and not yet taken; then the worker waits. GPU buffers of batches that were
///    dropped are filled again, once the work that reads them is done.
/// 3. An error in batch k is item k; the stream goes on with batch k + 1.
/// 4. A panic in the source is raised again in the thread that calls `next`, after the batches before it.
/// 5. Dropping the stream early ends the worker: it finishes the batch it is at, at most, and drops the source. The
///    drop does not wait for that, for the source may be blocked.
///
/// In a browser there are no threads: there each batch is prepared when it is asked for.
#[derive(Debug)]
pub struct IndexStream {
    #[cfg(not(target_arch = "wasm32"))]
    worker: worker::Worker,
    #[cfg(target_arch = "wasm32")]
    prepared: inline::Inline,
}

impl IndexStream {
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn new<I>(maker: BatchMaker, batches: I, depth: usize) -> Self
    where
        I: Iterator + Send + 'static,
        I::Item: HostIndices,
    {
        Self { worker: worker::Worker::start(batches.map(move |indices| maker.make(&indices)), depth) }
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn new<I>(maker: BatchMaker, batches: I, _depth: usize) -> Self
    where
        I: Iterator + Send + 'static,
        I::Item: HostIndices,
    {
        Self { prepared: inline::Inline(Box::new(batches.map(move |indices| maker.make(&indices)))) }
    }
}

impl Iterator for IndexStream {
    type Item = Result<IndexBatch>;

    /// The next batch; waits until the worker has it.
    fn next(&mut self) -> Option<Self::Item> {
        #[cfg(not(target_arch = "wasm32"))]
        return self.worker.next();
        #[cfg(target_arch = "wasm32")]
        return self.prepared.0.next();
    }
}

#[cfg(target_arch = "wasm32")]
mod inline {
    use super::{IndexBatch, Result};

    pub(super) struct Inline(pub Box<dyn Iterator<Item = Result<IndexBatch>>>);

    impl std::fmt::Debug for Inline {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Inline")
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod worker {
    use std::sync::mpsc::{Receiver, sync_channel};
    use std::thread::{Builder, JoinHandle};

    use super::{IndexBatch, Result};
    use crate::error::Error;

    /// More batches than this are never prepared ahead.
    const MAX_DEPTH: usize = 1_024;

    #[derive(Debug)]
    pub(super) struct Worker {
        prepared: Receiver<Result<IndexBatch>>,
        /// Taken when the stream has ended; dropped unjoined if it has not.
        thread: Option<JoinHandle<()>>,
        not_started: Option<Error>,
    }

    impl Worker {
        pub(super) fn start(
            prepare: impl Iterator<Item = Result<IndexBatch>> + Send + 'static,
            depth: usize,
        ) -> Self {
            // The batch in the worker's hand counts too, so the channel holds one fewer.
            let (sender, prepared) = sync_channel(depth.clamp(1, MAX_DEPTH) - 1);
            let work = move || {
                for batch in prepare {
                    if sender.send(batch).is_err() {
                        // The stream was dropped.
                        break;
                    }
                }
            };
            match Builder::new().name("embedding index stream".to_owned()).spawn(work) {
                Ok(thread) => Self { prepared, thread: Some(thread), not_started: None },
                Err(error) => {
                    let error = Error::Device { doing: "starting the stream's worker", reason: error.to_string() };
                    Self { prepared, thread: None, not_started: Some(error) }
                }
            }
        }

        pub(super) fn next(&mut self) -> Option<Result<IndexBatch>> {
            if let Some(error) = self.not_started.take() {
                return Some(Err(error));
            }
            if let Ok(batch) = self.prepared.recv() {
                return Some(batch);
            }
            if let Some(thread) = self.thread.take()
                && let Err(panic) = thread.join()
            {
                std::panic::resume_unwind(panic);
            }
            None
        }
    }
}
