//! The epochs: batches in a new order each time, then the test sentences.

use std::time::{Duration, Instant};

use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

use wgpu_embedding::text::{Matrix, PadOptions, Tokenizer, pad_sequences};

use crate::Result;
use crate::classifier::{Classifier, Outcome};
use crate::corpus::Sentence;

/// Words kept of a sentence, the last ones.
pub const LENGTH: usize = 40;

/// The number that fills a sentence up to [`LENGTH`], in front; no word has it.
pub const PADDING: u32 = 0;

/// Sentences in a batch; the last one of a pass may have fewer.
pub const BATCH_SIZE: usize = 64;

/// Sentences in numbers, with their labels.
pub struct Set {
    /// [sentences, LENGTH]
    words: Matrix<u32>,
    labels: Vec<f32>,
}

/// A pass over a set, in numbers.
#[derive(Debug, Clone, Copy)]
pub struct Summary {
    /// The mean over the sentences.
    pub loss: f64,
    /// The share of sentences classified as they are labelled.
    pub accuracy: f64,
}

/// An epoch, in numbers.
#[derive(Debug, Clone, Copy)]
pub struct Epoch {
    /// Of each batch before its step.
    pub train: Summary,
    /// After the epoch.
    pub test: Summary,
    /// What training took, until the GPU was done; the test is not in it.
    pub training_time: Duration,
}

/// What to do with a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Pass {
    Train,
    Classify,
}

impl Set {
    pub fn new(sentences: &[Sentence], tokenizer: &Tokenizer) -> Result<Self> {
        let numbers = tokenizer.texts_to_sequences(sentences.iter().map(|sentence| sentence.text.as_str()))?;
        let padding = PadOptions::new().with_maxlen(LENGTH).with_value(PADDING);
        Ok(Self {
            words: pad_sequences(&numbers, &padding)?,
            labels: sentences.iter().map(|sentence| f32::from(sentence.positive)).collect(),
        })
    }

    /// How many sentences it has.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Batches in a pass over it.
    pub fn batch_count(&self) -> usize {
        self.len().div_ceil(BATCH_SIZE)
    }
}

/// Trains for one epoch and tests; `after_batch` is called after each batch.
pub fn epoch(
    classifier: &mut dyn Classifier,
    train: &Set,
    test: &Set,
    random: &mut ChaCha8Rng,
    after_batch: &dyn Fn(),
) -> Result<Epoch> {
    let mut order: Vec<_> = (0..train.len()).collect();
    order.shuffle(random);
    let start = Instant::now();
    let outcomes = pass(classifier, Pass::Train, train, &order, after_batch)?;
    let training_time = start.elapsed();
    let train = summary(&outcomes, order.iter().map(|&sentence| train.labels[sentence]));
    let outcomes = classify(classifier, test)?;
    let test = summary(&outcomes, test.labels.iter().copied());
    Ok(Epoch { train, test, training_time })
}

/// Classifies a set, in its own order.
pub fn classify(classifier: &mut dyn Classifier, set: &Set) -> Result<Vec<Outcome>> {
    let order: Vec<_> = (0..set.len()).collect();
    pass(classifier, Pass::Classify, set, &order, &|| ())
}

fn pass(
    classifier: &mut dyn Classifier,
    pass: Pass,
    set: &Set,
    order: &[usize],
    after_batch: &dyn Fn(),
) -> Result<Vec<Outcome>> {
    let batches = order.chunks(BATCH_SIZE).map(|sentences| set.words.select_rows(sentences));
    let batches = batches.collect::<Result<Vec<_>, _>>()?;
    // A thread of its own checks, sorts and uploads the next batches while the GPU works on this one.
    let prepared = classifier.embedding().stream(batches);
    for (batch, sentences) in prepared.zip(order.chunks(BATCH_SIZE)) {
        let batch = batch?;
        let labels: Vec<_> = sentences.iter().map(|&sentence| set.labels[sentence]).collect();
        match pass {
            Pass::Train => classifier.train(&batch, &labels)?,
            Pass::Classify => classifier.classify(&batch, &labels)?,
        }
        after_batch();
    }
    classifier.take_outcomes()
}

fn summary(outcomes: &[Outcome], labels: impl Iterator<Item = f32>) -> Summary {
    let count = outcomes.len() as f64;
    let loss: f64 = outcomes.iter().map(|outcome| f64::from(outcome.loss)).sum();
    let right = outcomes.iter().zip(labels).filter(|(outcome, label)| (outcome.score >= 0.5) == (*label == 1.0));
    Summary { loss: loss / count, accuracy: right.count() as f64 / count }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracy_counts_both_kinds_of_sentence() {
        let outcome = |loss, score| Outcome { loss, score };
        let outcomes = [outcome(1.0, 0.9), outcome(2.0, 0.9), outcome(3.0, 0.1), outcome(4.0, 0.1)];
        let summary = summary(&outcomes, [1.0, 0.0, 0.0, 0.0].into_iter());
        assert_eq!((summary.loss, summary.accuracy), (2.5, 0.75));
    }
}
