//! IndexStream: prepares batches ahead of the GPU.

use crate::batch::{BatchMaker, HostIndices, IndexBatch};
use crate::error::Result;

/// An iterator over batches that a worker thread prepares ahead: made by
/// [`GpuEmbedding::stream`](crate::GpuEmbedding::stream), or, for batches of several tables and for what goes with them, by
/// [`prepare`](Self::prepare).
///
/// The worker takes host batches from the caller's iterator, validates, sorts and uploads them, while the caller and the
/// GPU work on earlier ones:
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
pub struct IndexStream<T = IndexBatch> {
    #[cfg(not(target_arch = "wasm32"))]
    worker: worker::Worker<T>,
    #[cfg(target_arch = "wasm32")]
    prepared: inline::Inline<T>,
}

impl IndexStream {
    pub(crate) fn new<I>(maker: BatchMaker, batches: I, depth: usize) -> Self
    where
        I: Iterator + Send + 'static,
        I::Item: HostIndices,
    {
        Self::prepare(batches.map(move |indices| maker.batch(&indices)), depth)
    }
}

impl<T: Send + 'static> IndexStream<T> {
    /// Runs an iterator of the caller's own on the worker, at most `depth` items ahead: 1 to 1,024, and what is outside
    /// counts as the nearer of them. Batches are made in it by a [`BatchMaker`] of each table.
    ///
    /// ```
    /// # use wgpu_embedding::{Adam, EmbeddingConfig, Error, GpuContext, GpuEmbedding, IndexStream};
    /// # let context = GpuContext::auto()?;
    /// # let mut users = GpuEmbedding::new(&context, EmbeddingConfig::new(10, 4), Adam::default())?;
    /// # let mut items = GpuEmbedding::new(&context, EmbeddingConfig::new(20, 4), Adam::default())?;
    /// let ratings = vec![([1, 2], [7, 19], [4.0, 0.5]), ([3, 1], [7, 8], [1.0, 5.0])];
    /// let (of_users, of_items) = (users.batch_maker(), items.batch_maker());
    /// let prepared = ratings
    ///     .into_iter()
    ///     .map(move |(user, item, rating)| Ok((of_users.batch(&user)?, of_items.batch(&item)?, rating)));
    /// for batch in IndexStream::prepare(prepared, 2) {
    ///     let (user, item, rating) = batch?;
    ///     assert_eq!(users.lookup(&user)?.shape(), items.lookup(&item)?.shape());
    ///     assert_eq!(rating.len(), 2);
    /// }
    /// # Ok::<(), Error>(())
    /// ```
    pub fn prepare<I>(batches: I, depth: usize) -> Self
    where
        I: IntoIterator<Item = Result<T>>,
        I::IntoIter: Send + 'static,
    {
        #[cfg(not(target_arch = "wasm32"))]
        return Self { worker: worker::Worker::start(batches.into_iter(), depth) };
        #[cfg(target_arch = "wasm32")]
        {
            // Prepared when asked for, never ahead.
            let _ = depth;
            Self { prepared: inline::Inline(Box::new(batches.into_iter())) }
        }
    }
}

impl<T> Iterator for IndexStream<T> {
    type Item = Result<T>;

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
    use super::Result;

    pub(super) struct Inline<T>(pub Box<dyn Iterator<Item = Result<T>>>);

    impl<T> std::fmt::Debug for Inline<T> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Inline")
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod worker {
    use std::sync::mpsc::{Receiver, sync_channel};
    use std::thread::{Builder, JoinHandle};

    use super::Result;
    use crate::error::Error;

    /// More batches than this are never prepared ahead.
    const MAX_DEPTH: usize = 1_024;

    #[derive(Debug)]
    pub(super) struct Worker<T> {
        prepared: Receiver<Result<T>>,
        /// Taken when the stream has ended; dropped unjoined if it has not.
        thread: Option<JoinHandle<()>>,
        not_started: Option<Error>,
    }

    impl<T> Worker<T> {
        pub(super) fn start(prepare: impl Iterator<Item = Result<T>> + Send + 'static, depth: usize) -> Self
        where
            T: Send + 'static,
        {
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

        pub(super) fn next(&mut self) -> Option<Result<T>> {
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
