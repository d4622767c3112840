//! Batches prepared ahead of the GPU, for both tables: a worker thread draws them, and checks, sorts and uploads their
//! indices, while the GPU computes.

use wgpu_embedding::{IndexBatch, IndexStream};

use crate::blocks::{Batch, Layout};
use crate::model::Tables;

/// Batches that are prepared ahead.
const DEPTH: usize = 3;

/// A batch that is ready for both tables.
#[derive(Debug)]
pub struct Prepared {
    pub inputs: IndexBatch,
    pub outputs: IndexBatch,
    pub layout: Layout,
}

/// The batches in the order in which they are drawn.
pub fn prepare(batches: impl Iterator<Item = Batch> + Send + 'static, tables: &Tables) -> IndexStream<Prepared> {
    let (inputs, outputs) = (tables.input.batch_maker(), tables.output.batch_maker());
    let prepared = batches.map(move |batch| {
        let (inputs, outputs) = (inputs.batch(&batch.inputs)?, outputs.batch(&batch.outputs)?);
        Ok(Prepared { inputs, outputs, layout: batch.layout })
    });
    IndexStream::prepare(prepared, DEPTH)
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
        for prepared in prepare((0..40).map(batch), &tables()) {
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
        let mut pipeline = prepare([batch(0), bad, batch(2)].into_iter(), &tables());
        assert!(pipeline.next().unwrap().is_ok());
        let error = pipeline.next().unwrap().err().unwrap().to_string();
        assert!(error.starts_with("index 10 at position 0"), "{error}");
        assert_eq!(pipeline.next().unwrap().unwrap().inputs.len(), 2);
        assert!(pipeline.next().is_none() && pipeline.next().is_none());
    }

    #[test]
    fn drawing_stops_when_nobody_wants_more() {
        let (drawn, count) = std::sync::mpsc::channel();
        let endless = (0..).map(move |number| {
            drawn.send(()).unwrap();
            batch(number % 5)
        });
        let mut pipeline = prepare(endless, &tables());
        pipeline.next().unwrap().unwrap();
        drop(pipeline);
        // The sender is dropped with the iterator, so this ends when drawing has.
        assert!(count.iter().count() < 20);
    }

    #[test]
    #[should_panic(expected = "the text is cursed")]
    fn a_panic_while_drawing_is_raised_again() {
        let batches = (0..3).map(|number| if number < 2 { batch(number) } else { panic!("the text is cursed") });
        let count = prepare(batches, &tables()).count();
        unreachable!("{count}");
    }
}
