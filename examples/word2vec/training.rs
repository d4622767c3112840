//! The epochs, with a learning rate that falls in a straight line.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Result;
use crate::blocks::{Batches, Settings};
use crate::corpus::Corpus;
use crate::model::Model;
use crate::pipeline::prepare;
use crate::sampling::Sampling;

/// The learning rate ends at this share of what it began with.
const LAST_RATE: f64 = 1e-3;

/// What stays the same over all epochs.
pub struct Training {
    pub corpus: Arc<Corpus>,
    pub sampling: Arc<Sampling>,
    pub settings: Settings,
    pub epochs: u32,
    pub learning_rate: f64,
}

/// An epoch, in numbers.
#[derive(Debug, Clone, Copy)]
pub struct Epoch {
    /// Pairs of words that were trained on.
    pub pairs: u64,
    /// Over all pairs, of each batch before its step.
    pub mean_loss: f64,
    /// Words that were not thinned out.
    pub effective_words: u64,
    /// Until the GPU was done.
    pub time: Duration,
}

impl Training {
    /// Trains epoch number `number`, from 0. `after_batch` is told how many words of the corpus were read by then.
    pub fn epoch(&self, model: &mut dyn Model, number: u32, after_batch: &dyn Fn(u64)) -> Result<Epoch> {
        let start = Instant::now();
        let batches = Batches::new(self.corpus.clone(), self.sampling.clone(), self.settings, number);
        let (mut pairs, mut effective_words) = (0, 0);
        let mut words_read = 0;
        for batch in prepare(batches, model.tables()) {
            let batch = batch?;
            let rate = self.rate(number, words_read);
            let tables = model.tables_mut();
            tables.input.set_learning_rate(rate)?;
            tables.output.set_learning_rate(rate)?;
            model.train(&batch)?;
            pairs += batch.layout.pairs;
            effective_words += batch.layout.words;
            words_read = batch.layout.words_read;
            after_batch(words_read);
        }
        let loss = model.take_loss()?;
        // A small text may be thinned out whole, for once.
        let mean_loss = if pairs == 0 { 0.0 } else { loss / pairs as f64 };
        if !mean_loss.is_finite() {
            return Err(
                format!("the loss is {mean_loss}, so training has failed; try a smaller --learning-rate").into()
            );
        }
        Ok(Epoch { pairs, mean_loss, effective_words, time: start.elapsed() })
    }

    /// The learning rate once so many words of the epoch were read.
    fn rate(&self, epoch: u32, words_read: u64) -> f64 {
        let done = (f64::from(epoch) + words_read as f64 / self.corpus.len() as f64) / f64::from(self.epochs);
        self.learning_rate * (1.0 - done).max(LAST_RATE)
    }
}

#[cfg(test)]
#[path = "training_tests.rs"]
mod tests;
