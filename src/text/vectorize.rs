//! Ids to a matrix with a column for each: Keras's `sequences_to_matrix`.

use std::collections::HashMap;

use super::analysis::Text;
use super::matrix::Matrix;
use super::tokenizer::Tokenizer;
use crate::error::{Error, Result};

/// What a text's row has in a word's column; 0 in those of words that the text has not.
///
/// With `c` how often the text has the word, `len` how many ids the text has in all, `docs` the tokenizer's
/// `document_count` and `d` in how many of those texts the word was:
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MatrixMode {
    /// 1. Keras's default.
    #[default]
    Binary,
    /// `c`.
    Count,
    /// `c / len`. `len` counts ids beyond the matrix's width too.
    Freq,
    /// `(1 + ln c) * ln(1 + docs / (1 + d))`: term frequency times inverse document frequency.
    Tfidf,
}

impl Tokenizer {
    /// [`sequences_to_matrix`](Self::sequences_to_matrix) of [`texts_to_sequences`](Self::texts_to_sequences).
    ///
    /// # Errors
    ///
    /// As those two.
    pub fn texts_to_matrix<T: Text>(
        &self,
        texts: impl IntoIterator<Item = T>,
        mode: MatrixMode,
    ) -> Result<Matrix<f64>> {
        self.sequences_to_matrix(&self.texts_to_sequences(texts)?, mode)
    }

    /// A row for each sequence, a column for each id below `num_words`, or where that is not set, below one more than the
    /// number of words. Ids beyond are left out.
    ///
    /// (Where the out-of-vocabulary token was met as a word, the last id is one more than there are words, and is left out
    /// too; so it is in Keras.)
    ///
    /// ```
    /// use wgpu_embedding::text::{MatrixMode, Tokenizer};
    ///
    /// let mut tokenizer = Tokenizer::new();
    /// tokenizer.fit_on_texts(["the cat saw the dog"])?;
    /// let matrix = tokenizer.texts_to_matrix(["the dog, the other dog, the cat"], MatrixMode::Count)?;
    /// assert_eq!(matrix.shape(), [1, 5]);
    /// assert_eq!(matrix.values(), [0.0, 3.0, 1.0, 0.0, 2.0]);
    /// # Ok::<(), wgpu_embedding::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] if `num_words` is not set and there are no words, or for [`MatrixMode::Tfidf`] if it was
    /// fitted on nothing; [`Error::Shape`] if memory cannot hold the matrix.
    pub fn sequences_to_matrix<S: AsRef<[u32]>>(&self, sequences: &[S], mode: MatrixMode) -> Result<Matrix<f64>> {
        let width = match self.num_words {
            Some(num_words) if num_words > 0 => num_words as usize,
            _ if self.word_index.is_empty() => {
                let needed = "num_words must be set, or texts fitted on, for a matrix to have a width; neither was";
                return Err(Error::InvalidConfig(needed.to_owned()));
            }
            _ => self.word_index.len() + 1,
        };
        if mode == MatrixMode::Tfidf && self.document_count == 0 {
            let needed = "document_count must be at least 1 for tfidf, and is 0; fit on texts or sequences first";
            return Err(Error::InvalidConfig(needed.to_owned()));
        }
        let mut matrix = Matrix::filled("the matrix", [sequences.len(), width], 0.0)?;
        let mut counts = HashMap::new();
        for (row, sequence) in sequences.iter().enumerate() {
            let (sequence, row) = (sequence.as_ref(), matrix.row_mut(row));
            counts.clear();
            for &id in sequence.iter().filter(|&&id| (id as usize) < width) {
                *counts.entry(id).or_insert(0u64) += 1;
            }
            for (&id, &count) in &counts {
                let count = count as f64;
                row[id as usize] = match mode {
                    MatrixMode::Binary => 1.0,
                    MatrixMode::Count => count,
                    MatrixMode::Freq => count / sequence.len() as f64,
                    MatrixMode::Tfidf => (1.0 + count.ln()) * self.inverse_document_frequency(id),
                };
            }
        }
        Ok(matrix)
    }

    fn inverse_document_frequency(&self, id: u32) -> f64 {
        let documents = self.index_docs.get(&id).map_or(0.0, |&documents| documents as f64);
        (1.0 + self.document_count as f64 / (1.0 + documents)).ln()
    }
}
