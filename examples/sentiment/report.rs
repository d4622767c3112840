//! What the user sees: a table that grows by a line an epoch, a progress bar on a terminal, the classified sentences.
//!
//! Written with `writeln!` and not `println!`, which panics where the reader has gone, as in `| head`.

use std::io::{self, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::Result;
use crate::classifier::Outcome;
use crate::shown::shortened;
use crate::training::{Epoch, LENGTH, Set};

/// Characters shown of a sentence.
const SHOWN: usize = 90;

/// Progress, and the table.
pub struct Report {
    /// On a terminal only: indicatif hides it elsewhere.
    bar: ProgressBar,
    epochs: Vec<Epoch>,
}

impl Report {
    /// Prints the table's head.
    pub fn new(epochs: u32, train: &Set) -> Result<Self> {
        let bar = ProgressBar::new(u64::from(epochs) * train.batch_count() as u64);
        bar.set_style(ProgressStyle::with_template("{bar:40} {percent:>3}%  batch {pos} of {len}, {eta} left")?);
        writeln!(io::stdout(), "\nepoch     loss  accuracy  test loss  test accuracy  seconds")?;
        Ok(Self { bar, epochs: Vec::new() })
    }

    /// Moves the bar by a batch.
    pub fn batch_done(&self) {
        self.bar.inc(1);
    }

    /// Prints an epoch's line, above the bar where there is one.
    pub fn epoch_done(&mut self, epoch: Epoch) -> Result<()> {
        self.epochs.push(epoch);
        let Epoch { train, test, training_time } = epoch;
        self.bar.suspend(|| {
            writeln!(
                io::stdout(),
                "{:>5}  {:>7.4}  {:>8.4}  {:>9.4}  {:>13.4}  {:>7.2}",
                self.epochs.len(),
                train.loss,
                train.accuracy,
                test.loss,
                test.accuracy,
                training_time.as_secs_f64()
            )
        })?;
        Ok(())
    }

    /// Prints the best epoch and the speed.
    pub fn finish(self, train: &Set) -> Result<()> {
        self.bar.finish_and_clear();
        let mut out = io::stdout();
        // Of equal ones the first; max_by gives the last.
        let accuracy = |epoch: usize| self.epochs[epoch].test.accuracy;
        if let Some(best) = (0..self.epochs.len()).rev().max_by(|&a, &b| accuracy(a).total_cmp(&accuracy(b))) {
            writeln!(out, "\nbest test accuracy {:.4}, in epoch {}", accuracy(best), best + 1)?;
        }
        let time: Duration = self.epochs.iter().map(|epoch| epoch.training_time).sum();
        let sentences = (self.epochs.len() * train.len()) as f64 / time.as_secs_f64();
        writeln!(
            out,
            "trained in {:.1} s: {sentences:.0} sentences/s, {:.0} lookups/s ({LENGTH} a sentence, with its padding)",
            time.as_secs_f64(),
            sentences * LENGTH as f64
        )?;
        Ok(())
    }
}

/// Prints sentences with their scores, and with their labels where they have any.
pub fn classified<'a>(sentences: impl Iterator<Item = (&'a str, Option<bool>, Outcome)>) -> Result<()> {
    let name = |positive| if positive { "positive" } else { "negative" };
    let mut out = io::stdout();
    writeln!(out, "\nsentences it was not trained on (score: how likely positive, from 0 to 1):")?;
    for (text, label, Outcome { score, .. }) in sentences {
        let label = label.map_or(String::new(), |positive| format!(" (labelled {})", name(positive)));
        writeln!(out, "  {score:.3}  {}{label}  {}", name(score >= 0.5), shortened(text, SHOWN))?;
    }
    Ok(())
}
