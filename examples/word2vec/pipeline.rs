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
    /// The words that `outputs` was made of.
    pub output_words: Vec<u32>,
    pub layout: Layout,
}

/// The batches in the order in which they are drawn.
pub struct Pipeline {
    inputs: IndexStream,
    outputs: IndexStream,
    rest: Receiver<(Vec<u32>, Layout)>,
    /// Taken when the batches have ended; dropped unjoined if they have not.
    drawing: Option<JoinHandle<()>>,
}

impl Pipeline {
    pub fn start(batches: impl Iterator<Item = Batch> + Send + 'static, tables: &Tables) -> Result<Self> {
        let (inputs, for_inputs) = sync_channel(DEPTH);
        let (outputs, for_outputs) = sync_channel(DEPTH);
        let (rest, for_rest) = sync_channel(DEPTH);
        let draw = move || {
            for batch in batches {
                if !send(batch, &inputs, &outputs, &rest) {
                    break;
                }
            }
        };
        let drawing = Builder::new().name("word2vec batches".to_owned()).spawn(draw)?;
        Ok(Self {
            inputs: tables.input.stream(for_inputs),
            outputs: tables.output.stream(for_outputs),
            rest: for_rest,
            drawing: Some(drawing),
        })
    }
}

/// Whether somebody still wants the batch.
fn send(
    batch: Batch,
    inputs: &SyncSender<Vec<u32>>,
    outputs: &SyncSender<Vec<u32>>,
    rest: &SyncSender<(Vec<u32>, Layout)>,
) -> bool {
    let words = batch.outputs.clone();
    inputs.send(batch.inputs).is_ok()
        && outputs.send(batch.outputs).is_ok()
        && rest.send((words, batch.layout)).is_ok()
}

impl Iterator for Pipeline {
    type Item = Result<Prepared>;

    fn next(&mut self) -> Option<Self::Item> {
        if let (Some(inputs), Some(outputs), Ok((output_words, layout))) =
            (self.inputs.next(), self.outputs.next(), self.rest.recv())
        {
            let prepared = |inputs, outputs| Prepared { inputs, outputs, output_words, layout };
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
