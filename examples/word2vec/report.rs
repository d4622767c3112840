//! What the user sees: a table that grows by a line an epoch, a progress bar on a terminal, the nearest words.
//!
//! Written with `writeln!` and not `println!`, which panics where the reader has gone, as in `| head`.

use std::io::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use wgpu_embedding::{GpuEmbedding, Neighbour, Search};

use crate::Result;
use crate::corpus::Corpus;
use crate::shown::shortened;
use crate::training::Epoch;

/// Words shown with their nearest.
const SHOWN_WORDS: usize = 10;

/// Nearest words shown of each.
const SHOWN_NEAREST: usize = 6;

/// Characters shown of a word.
const SHOWN_LETTERS: usize = 20;

/// The most frequent words are "the", "of" and the like, whose neighbours say little.
const SKIPPED_WORDS: usize = 100;

/// Of the words after them, every so many-th is shown.
const SHOWN_EVERY: usize = 20;

/// A word met less often was not trained enough to be shown as anybody's neighbour.
const SHOWN_COUNT: u64 = 15;

/// Progress, and the table.
pub struct Report<'a> {
    out: &'a mut dyn Write,
    /// On a terminal only: indicatif hides it elsewhere.
    bar: ProgressBar,
    /// Words of the vocabulary in an epoch.
    corpus_words: u64,
    /// All words in an epoch.
    raw_words: u64,
    epochs: Vec<Epoch>,
}

impl<'a> Report<'a> {
    /// Prints the table's head.
    pub fn new(epochs: u32, corpus: &Corpus, out: &'a mut dyn Write) -> Result<Self> {
        let corpus_words = corpus.len() as u64;
        let bar = ProgressBar::new(u64::from(epochs) * corpus_words);
        bar.set_style(ProgressStyle::with_template("{bar:40} {percent:>3}%  {per_sec} words, {eta} left")?);
        writeln!(out, "\nepoch     loss  seconds   words/s  effective words/s")?;
        Ok(Self { out, bar, corpus_words, raw_words: corpus.raw_words, epochs: Vec::new() })
    }

    /// Moves the bar to so many words of the epoch.
    pub fn batch_done(&self, words_read: u64) {
        self.bar.set_position(self.epochs.len() as u64 * self.corpus_words + words_read);
    }

    /// Prints an epoch's line, above the bar where there is one.
    pub fn epoch_done(&mut self, epoch: Epoch) -> Result<()> {
        self.epochs.push(epoch);
        let number = self.epochs.len();
        let Speed { raw, effective } = self.speed(&self.epochs[number - 1..]);
        let Epoch { mean_loss, time, .. } = epoch;
        let seconds = time.as_secs_f64();
        let out = &mut self.out;
        self.bar.suspend(|| {
            writeln!(out, "{number:>5}  {mean_loss:>7.4}  {seconds:>7.2}  {raw:>8.0}  {effective:>17.0}")
        })?;
        Ok(())
    }

    /// Prints the speed.
    pub fn finish(self) -> Result<()> {
        self.bar.finish_and_clear();
        let Speed { raw, effective } = self.speed(&self.epochs);
        let time: Duration = self.epochs.iter().map(|epoch| epoch.time).sum();
        writeln!(
            self.out,
            "\ntrained in {:.1} s: {raw:.0} words/s, {effective:.0} effective words/s (without rare and thinned ones)",
            time.as_secs_f64()
        )?;
        Ok(())
    }

    fn speed(&self, epochs: &[Epoch]) -> Speed {
        let seconds: f64 = epochs.iter().map(|epoch| epoch.time.as_secs_f64()).sum();
        let effective: u64 = epochs.iter().map(|epoch| epoch.effective_words).sum();
        let raw = self.raw_words * epochs.len() as u64;
        Speed { raw: raw as f64 / seconds, effective: effective as f64 / seconds }
    }
}

/// Words a second.
struct Speed {
    /// All words of the text, as gensim reports them.
    raw: f64,
    /// Those in the vocabulary that were not thinned out.
    effective: f64,
}

/// The words to show: some of the frequent ones, but not the most frequent.
pub fn frequent_words(corpus: &Corpus) -> Vec<usize> {
    let words = corpus.words.len();
    let (first, every) = if words >= SKIPPED_WORDS + SHOWN_WORDS { (SKIPPED_WORDS, SHOWN_EVERY) } else { (0, 1) };
    (first..words).step_by(every).take(SHOWN_WORDS).collect()
}

/// Prints the nearest words of each of these, with their cosines.
pub fn nearest_words(corpus: &Corpus, table: &GpuEmbedding, shown: &[usize], out: &mut dyn Write) -> Result<()> {
    // They come by falling count. In a text that has no frequent ones, all will do.
    let frequent = corpus.counts.partition_point(|&count| count >= SHOWN_COUNT);
    let known = if shown.iter().all(|&word| word < frequent) { frequent } else { corpus.words.len() };
    writeln!(out, "\nnearest words, with the cosine of the two vectors:")?;
    let rows: Vec<u32> = shown.iter().map(|&word| word as u32).collect();
    let search = Search::new(SHOWN_NEAREST)
        .with_rows(0..known as u32)
        .with_excluded_of_each(rows.iter().map(|&row| vec![row]).collect());
    let found = table.nearest(&table.rows(&rows)?, &search)?;
    for (&word, found) in shown.iter().zip(found) {
        let named = |found: &Neighbour| {
            format!("{} {:.2}", shortened(&corpus.words[found.row as usize], SHOWN_LETTERS), found.score)
        };
        let found: Vec<_> = found.iter().map(named).collect();
        writeln!(out, "  {:<14} {}", shortened(&corpus.words[word], SHOWN_LETTERS), found.join("  "))?;
    }
    Ok(())
}
