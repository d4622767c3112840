//! Batches prepared ahead of the GPU, for both tables.
//!
//! Three threads work while the GPU computes: one draws the batches, and the two tables' streams check, sort and upload
//! each its part. The parts travel through channels of their own and are put together again here, in order; each
//! channel holds a few batches and then makes its sender wait, so that nothing piles up.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use wgpu_embedding::{IndexBatch, IndexStream};

use crate::Result;
use crate::blocks::{Batch, Layout};
use crate::model::Tables;

/// Batches in a channel.
const DEPTH: usize = 2;

/// A batch that is ready for both tables.
pub struct Prepared {
    pub inputs: IndexBatch,
    pub outputs: IndexBatch,
    pub layout: Layout,
}

/// The batches in the order in which they are drawn.
pub struct Pipeline {
    inputs: IndexStream,
    outputs: IndexStream,
    layouts: Receiver<Layout>,
    /// Taken when the batches have ended; dropped unjoined if they have not.
    drawing: Option<JoinHandle<()>>,
}

impl Pipeline {
    pub fn start(batches: impl Iterator<Item = Batch> + Send + 'static, tables: &Tables) -> Result<Self> {
        let (inputs, for_inputs) = sync_channel(DEPTH);
        let (outputs, for_outputs) = sync_channel(DEPTH);
        let (layouts, for_layouts) = sync_channel(DEPTH);
        let draw = move || {
            for batch in batches {
                if !send(batch, &inputs, &outputs, &layouts) {
                    break;
                }
            }
        };
        let drawing = Builder::new().name("word2vec batches".to_owned()).spawn(draw)?;
        Ok(Self {
            inputs: tables.input.stream(for_inputs),
            outputs: tables.output.stream(for_outputs),
            layouts: for_layouts,
            drawing: Some(drawing),
        })
    }
}

/// Whether somebody still wants the batch.
fn send(
    batch: Batch,
    inputs: &SyncSender<Vec<u32>>,
    outputs: &SyncSender<Vec<u32>>,
    layouts: &SyncSender<Layout>,
) -> bool {
    inputs.send(batch.inputs).is_ok() && outputs.send(batch.outputs).is_ok() && layouts.send(batch.layout).is_ok()
}

impl Iterator for Pipeline {
    type Item = Result<Prepared>;

    fn next(&mut self) -> Option<Self::Item> {
        if let (Some(inputs), Some(outputs), Ok(layout)) =
            (self.inputs.next(), self.outputs.next(), self.layouts.recv())
        {
            let prepared = |inputs, outputs| Prepared { inputs, outputs, layout };
            return Some(inputs.and_then(|inputs| Ok(prepared(inputs, outputs?))).map_err(Into::into));
        }
        // The end, unless the thread ended before its time.
        if let Some(drawing) = self.drawing.take()
            && let Err(panic) = drawing.join()
        {
            std::panic::resume_unwind(panic);
        }
        None
    }
}
