//! Training batches: blocks of neighbouring words with the negative samples that they share.
//!
//! A block is up to [`TARGETS`] words that follow one another in the thinned text, over the ends of sentences too.
//! Each is a target: the words of its window, which ends where its sentence does, are to predict it. In a batch all
//! lookups come before the update, so a word that stands in the windows of six targets need be looked up once, not
//! six times; and the whole block shares its negative samples. With a window of 5 that is fewer than three lookups a word,
//! in place of the 42 that its six pairs with five negative samples each would take one by one. To share negative
//! samples within a window is from Ji, Satish, Li and Dubey (2016), "Parallelizing Word2Vec in Shared and Distributed
//! Memory"; a block goes further on the same grounds: the expectation of the gradient does not change.

use std::sync::Arc;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use crate::corpus::Corpus;
use crate::sampling::Sampling;

/// Targets in a block: as many as the bits of a u32, see [`Layout::windows`].
pub const TARGETS: usize = 32;

/// Negative samples drawn for a block. Each counts for `--negative` / `NEGATIVES` of one.
pub const NEGATIVES: usize = 16;

/// A batch on the host: the rows to look up in both tables, and how they belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Rows of the input table: the words of all windows, block after block.
    pub inputs: Vec<u32>,
    /// Rows of the output table: of each block its targets, then its [`NEGATIVES`].
    pub outputs: Vec<u32>,
    pub layout: Layout,
}

/// How a batch's lookups belong together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layout {
    pub blocks: Vec<Block>,
    /// Of each input lookup, the targets of its block in whose window it is, a bit each.
    pub windows: Vec<u32>,
    /// Of each output lookup, the targets of its block that it stands for, a bit each: a target for itself, a
    /// negative sample for all but those that are the same word.
    pub targets: Vec<u32>,
    /// Targets in all blocks.
    pub words: u64,
    /// Pairs of an input and a target in all blocks.
    pub pairs: u64,
    /// Words of the vocabulary read of the epoch's text by now, kept or not.
    pub words_read: u64,
}

/// Where a block's lookups are, as the shader has it.
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Block {
    pub first_input: u32,
    pub input_count: u32,
    /// The first target, among the output lookups.
    pub first_output: u32,
    pub target_count: u32,
    /// Inputs before the one that is target 0 itself: of its window, or of another's.
    pub left: u32,
}

/// What decides the batches, beside the text.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    pub window: usize,
    /// Blocks in a batch; the last one of an epoch may have fewer.
    pub blocks: usize,
    pub seed: u64,
}

/// The batches of one epoch, in order.
pub struct Batches {
    corpus: Arc<Corpus>,
    sampling: Arc<Sampling>,
    settings: Settings,
    random: ChaCha8Rng,
    next_sentence: usize,
    words_read: u64,
    /// Words kept and not yet targets, with as many before them as their windows may reach.
    pending: Vec<Kept>,
    /// How many of `pending` were targets already.
    done: usize,
}

/// A word that was kept, and how far its window reaches within its sentence.
#[derive(Debug, Clone, Copy)]
struct Kept {
    word: u32,
    before: usize,
    after: usize,
}

impl Batches {
    /// Each epoch draws from a stream of its own of the same seed.
    pub fn new(corpus: Arc<Corpus>, sampling: Arc<Sampling>, settings: Settings, epoch: u32) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(settings.seed);
        random.set_stream(epoch.into());
        Self { corpus, sampling, settings, random, next_sentence: 0, words_read: 0, pending: Vec::new(), done: 0 }
    }

    /// Reads the next sentence, with the frequent words thinned out.
    fn read_sentence(&mut self) {
        let sentence = self.corpus.sentence(self.next_sentence);
        self.next_sentence += 1;
        self.words_read += sentence.len() as u64;
        let start = self.pending.len();
        for &word in sentence {
            if self.sampling.keeps(word, &mut self.random) {
                self.pending.push(Kept { word, before: 0, after: 0 });
            }
        }
        let kept = self.pending.len() - start;
        if kept < 2 {
            // Nobody to predict it.
            self.pending.truncate(start);
            return;
        }
        for (position, word) in self.pending[start..].iter_mut().enumerate() {
            let reach = self.random.random_range(1..=self.settings.window);
            word.before = reach.min(position);
            word.after = reach.min(kept - 1 - position);
        }
    }

    /// Appends the block whose targets are these of `pending`.
    fn push_block(&mut self, batch: &mut Batch, targets: std::ops::Range<usize>) {
        let words = &self.pending[targets.clone()];
        // The windows of the first targets, and of the last, may reach out of the block.
        let position = |index: usize| targets.start + index;
        let first = words.iter().enumerate().map(|(index, word)| position(index) - word.before).min();
        let last = words.iter().enumerate().map(|(index, word)| position(index) + word.after).max();
        let (Some(first), Some(last)) = (first, last) else { return };
        let left = targets.start - first;
        let layout = &mut batch.layout;
        let first_input = layout.windows.len();
        layout.blocks.push(Block {
            first_input: first_input as u32,
            input_count: (last + 1 - first) as u32,
            first_output: batch.outputs.len() as u32,
            target_count: words.len() as u32,
            left: left as u32,
        });
        batch.inputs.extend(self.pending[first..=last].iter().map(|kept| kept.word));
        layout.windows.resize(batch.inputs.len(), 0);
        let windows = &mut layout.windows[first_input..];
        for (target, word) in words.iter().enumerate() {
            let own = left + target;
            let window = own - word.before..own + word.after + 1;
            windows[window].iter_mut().for_each(|bits| *bits |= 1 << target);
            windows[own] &= !(1 << target);
            layout.pairs += (word.before + word.after) as u64;
        }
        layout.words += words.len() as u64;
        batch.outputs.extend(words.iter().map(|kept| kept.word));
        layout.targets.extend((0..words.len()).map(|target| 1 << target));
        for _ in 0..NEGATIVES {
            let negative = self.sampling.negative(&mut self.random);
            let others = words.iter().enumerate().filter(|(_, kept)| kept.word != negative);
            batch.outputs.push(negative);
            layout.targets.push(others.fold(0, |bits, (target, _)| bits | 1 << target));
        }
    }
}

impl Iterator for Batches {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        let wanted = self.settings.blocks * TARGETS;
        while self.pending.len() - self.done < wanted && self.next_sentence < self.corpus.sentence_count() {
            self.read_sentence();
        }
        let end = self.pending.len().min(self.done + wanted);
        if end == self.done {
            return None;
        }
        let mut batch = Batch { inputs: Vec::new(), outputs: Vec::new(), layout: Layout::default() };
        while self.done < end {
            let targets = self.done..end.min(self.done + TARGETS);
            self.done = targets.end;
            self.push_block(&mut batch, targets);
        }
        batch.layout.words_read = self.words_read;
        let reachable = self.done.saturating_sub(self.settings.window);
        self.pending.drain(..reachable);
        self.done -= reachable;
        Some(batch)
    }
}

#[cfg(test)]
#[path = "blocks_tests.rs"]
mod tests;
