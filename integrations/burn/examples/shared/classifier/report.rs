//! What the user sees: a progress bar an epoch on a terminal, a line an epoch, the classified texts.
//!
//! Written with `writeln!` and not `println!`, which panics where the reader has gone, as in `| head`.

use std::io::{self, Write};

use indicatif::{ProgressBar, ProgressStyle};

use super::training::Epoch;
use crate::program::Result;
use crate::shown::shortened;

/// Characters shown of a text.
const SHOWN: usize = 90;

/// The lines of the epochs, with a bar under them.
pub struct Report {
    epochs: u32,
    batches: u64,
    done: Vec<Epoch>,
}

impl Report {
    /// Prints the head.
    pub fn new(epochs: u32, batches: usize) -> Result<Self> {
        writeln!(io::stdout(), "\nepoch     loss  accuracy  test loss  test accuracy  seconds")?;
        Ok(Self { epochs, batches: batches as u64, done: Vec::new() })
    }

    /// The next epoch's bar. On a terminal only: indicatif hides it elsewhere.
    pub fn bar(&self) -> Result<ProgressBar> {
        let bar = ProgressBar::new(self.batches);
        let style = ProgressStyle::with_template("{prefix} {bar:40} batch {pos} of {len}, {per_sec}, {eta} left")?;
        bar.set_style(style);
        bar.set_prefix(format!("epoch {}/{}", self.done.len() + 1, self.epochs));
        Ok(bar)
    }

    /// Prints an epoch's line in the place of its bar.
    pub fn epoch_done(&mut self, bar: &ProgressBar, epoch: Epoch) -> Result<()> {
        bar.finish_and_clear();
        self.done.push(epoch);
        let Epoch { train, test, training_time } = epoch;
        writeln!(
            io::stdout(),
            "{:>5}  {:>7.4}  {:>8.4}  {:>9.4}  {:>13.4}  {:>7.2}",
            self.done.len(),
            train.loss,
            train.accuracy,
            test.loss,
            test.accuracy,
            training_time.as_secs_f64()
        )?;
        Ok(())
    }

    /// Prints the best epoch.
    pub fn finish(self) -> Result<Vec<Epoch>> {
        // Of equal ones the first; max_by gives the last.
        let accuracy = |epoch: usize| self.done[epoch].test.accuracy;
        if let Some(best) = (0..self.done.len()).rev().max_by(|&a, &b| accuracy(a).total_cmp(&accuracy(b))) {
            writeln!(io::stdout(), "\nbest test accuracy {:.4}, in epoch {}", accuracy(best), best + 1)?;
        }
        Ok(self.done)
    }
}

/// A text to show, the class it has if that is known, and how likely the classifier finds each.
pub struct Classified<'a> {
    pub text: &'a str,
    pub label: Option<&'a str>,
    pub probabilities: Vec<f32>,
}

/// Prints texts with their most likely class.
pub fn classified(classes: &[&str], texts: &[Classified<'_>]) -> Result<()> {
    let mut out = io::stdout();
    writeln!(out, "\ntexts it was not trained on, with their most likely class after the last epoch:")?;
    for Classified { text, label, probabilities } in texts {
        let best = (0..probabilities.len()).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
        let best = best.expect("there are two classes or three");
        let label = label.map_or(String::new(), |label| format!(" (labelled {label})"));
        writeln!(out, "  {:.3}  {}{label}  {}", probabilities[best], classes[best], shortened(text, SHOWN))?;
    }
    Ok(())
}
