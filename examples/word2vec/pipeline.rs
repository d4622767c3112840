//! Batches prepared ahead of the GPU, for both tables.
//!
//! Three threads work while the GPU computes: one draws the batches, and the two tables' streams check, sort and
//! upload each its part. The parts travel through channels of their own and are put together again here, in order;
//! each channel holds a few batches and then makes its sender wait, so that nothing piles up.

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

#[cfg(test)]
mod tests {
    use wgpu_embedding::{Adam, EmbeddingConfig, GpuContext, GpuEmbedding};

    use super::*;

    fn tables() -> Tables {
        let table =
            || GpuEmbedding::new(&GpuContext::reference(), EmbeddingConfig::new(10, 1), Adam::default()).unwrap();
        Tables { input: table(), output: table() }
    }

    /// A batch that tells its number by its words and by its lengths.
    fn batch(number: usize) -> Batch {
        let layout = Layout { words_read: number as u64, ..Layout::default() };
        Batch { inputs: vec![number as u32 % 10; number], outputs: vec![number as u32 % 7; number + 1], layout }
    }

    #[test]
    fn batches_come_in_order_and_whole() {
        let mut next = 0;
        for prepared in Pipeline::start((0..40).map(batch), &tables()).unwrap() {
            let prepared = prepared.unwrap();
            assert_eq!((prepared.inputs.len(), prepared.outputs.len()), (next, next + 1));
            assert_eq!(prepared.layout.words_read as usize, next);
            assert!(prepared.outputs.unique_rows().unwrap() == [next as u32 % 7]);
            next += 1;
        }
        assert_eq!(next, 40);
    }

    #[test]
    fn an_error_is_that_of_its_batch() {
        let bad = Batch { inputs: vec![10], ..batch(1) };
        let mut pipeline = Pipeline::start([batch(0), bad, batch(2)].into_iter(), &tables()).unwrap();
        assert!(pipeline.next().unwrap().is_ok());
        let error = pipeline.next().unwrap().err().unwrap().to_string();
        assert!(error.starts_with("index 10 at position 0"), "{error}");
        assert_eq!(pipeline.next().unwrap().unwrap().inputs.len(), 2);
        assert!(pipeline.next().is_none() && pipeline.next().is_none());
    }

    #[test]
    fn drawing_stops_when_nobody_wants_more() {
        let (drawn, count) = sync_channel(1_000);
        let endless = (0..).map(move |number| {
            drawn.send(()).unwrap();
            batch(number % 5)
        });
        let mut pipeline = Pipeline::start(endless, &tables()).unwrap();
        pipeline.next().unwrap().unwrap();
        drop(pipeline);
        // The sender is dropped with the iterator, so this ends when drawing has.
        assert!(count.iter().count() < 20);
    }

    #[test]
    #[should_panic(expected = "the text is cursed")]
    fn a_panic_while_drawing_is_raised_again() {
        let batches = (0..3).map(|number| if number < 2 { batch(number) } else { panic!("the text is cursed") });
        let count = Pipeline::start(batches, &tables()).unwrap().count();
        unreachable!("{count}");
    }
}
