//! What `--plots` writes: the curves of the epochs, and the most frequent words as points of a plane.

use std::path::Path;

use burn_wgpu_embedding::SparseEmbedding;
use burn_wgpu_embedding::wgpu_embedding::text::Tokenizer;

use super::training::Epoch;
use crate::plots;
use crate::program::Result;

/// Words drawn, the most frequent ones.
const WORDS: u32 = 150;

/// Writes loss.png, accuracy.png and words.png.
pub fn draw(folder: &Path, epochs: &[Epoch], tokenizer: &Tokenizer, embedding: &SparseEmbedding) -> Result<()> {
    let values = |value: fn(&Epoch) -> f64| epochs.iter().map(value).collect::<Vec<_>>();
    let losses = [values(|epoch| epoch.train.loss), values(|epoch| epoch.test.loss)];
    let accuracies = [values(|epoch| epoch.train.accuracy), values(|epoch| epoch.test.accuracy)];
    let both = |[train, test]: &[Vec<f64>; 2], file: &str, title: &str| {
        plots::curves(&folder.join(file), title, title, &[("training", train), ("test", test)])
    };
    both(&losses, "loss.png", "loss")?;
    both(&accuracies, "accuracy.png", "accuracy")?;

    let ids: Vec<u32> = (1..tokenizer.input_dim().min(WORDS + 1)).collect();
    let words: Vec<_> = ids.iter().filter_map(|&id| tokenizer.index_word(id)).map(str::to_owned).collect();
    let (rows, width) = embedding.with_table(|table| (table.rows(&ids), table.output_dim() as usize));
    plots::projection(&folder.join("words.png"), "the most frequent words", &words, &rows?, width)
}
