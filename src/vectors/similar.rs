//! Which words are near others.

use crate::embedding::{GpuEmbedding, Search, directions};
use crate::error::{Error, Result};
use crate::gpu::readback::Waiting;

use super::vocabulary::Vocabulary;

/// A table whose rows are words: finds similar ones, and answers analogies.
///
/// Computed on the GPU, by [`GpuEmbedding::nearest`]: the table does not come to the host. Scores are cosines. Rows without a
/// word, a Keras `Tokenizer`'s row 0 say, are never found.
///
/// ```
/// use wgpu_embedding::vectors::{SimilarWords, Vocabulary};
/// use wgpu_embedding::{Adam, EmbeddingConfig, GpuContext, GpuEmbedding, Initializer};
///
/// let context = GpuContext::auto()?;
/// let vocabulary = Vocabulary::from_words(["man", "king", "woman", "queen", "apple"])?;
/// let vectors = vec![1.0, 0.0, 0.0, 1.0, 4.0, 0.0, -1.0, 0.0, 0.0, -1.0, 4.0, 0.0, 0.0, 0.0, 1.0];
/// let config = EmbeddingConfig::new(5, 3).with_initializer(Initializer::Matrix(vectors)).with_trainable(false);
/// let embedding = GpuEmbedding::new(&context, config, Adam::default())?;
///
/// let words = SimilarWords::new(&embedding, &vocabulary)?;
/// assert_eq!(words.most_similar("king", 1)?[0].word, "queen");
/// assert_eq!(words.analogy("king", "man", "woman", 1)?[0].word, "queen");
/// # Ok::<(), wgpu_embedding::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SimilarWords<'a> {
    embedding: &'a GpuEmbedding,
    vocabulary: &'a Vocabulary,
    /// Among the rows up to the last word's.
    without_word: Vec<u32>,
}

/// A word found, and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SimilarWord<'a> {
    /// The word.
    pub word: &'a str,
    /// Its row in the table.
    pub row: u32,
    /// The cosine with what was asked for.
    pub score: f32,
}

impl<'a> SimilarWords<'a> {
    /// Takes the table's rows for the vocabulary's words.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if a word's row is not in the table: for a `word_index` of which only the first `num_words` ids are
    /// in use, [`Vocabulary::truncated`] leaves out the other words.
    pub fn new(embedding: &'a GpuEmbedding, vocabulary: &'a Vocabulary) -> Result<Self> {
        let rows = vocabulary.row_count();
        if rows > embedding.input_dim() {
            return Err(Error::Shape {
                what: "the table",
                required: format!(
                    "of at least {rows} rows, for the vocabulary's words (Vocabulary::truncated leaves out those past num_words)"
                ),
                given: format!("of {}", embedding.input_dim()),
            });
        }
        let mut without_word = Vec::new();
        let mut next = 0;
        for (row, _) in vocabulary.iter() {
            without_word.extend(next..row);
            next = row + 1;
        }
        Ok(Self { embedding, vocabulary, without_word })
    }

    /// The table.
    pub fn embedding(&self) -> &'a GpuEmbedding {
        self.embedding
    }

    /// The words.
    pub fn vocabulary(&self) -> &'a Vocabulary {
        self.vocabulary
    }

    /// The `k` words most similar to `word`, best first, itself not among them.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownWord`], and as [`GpuEmbedding::nearest`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn most_similar(&self, word: &str, k: usize) -> Result<Vec<SimilarWord<'a>>> {
        self.most_similar_to(&[word], &[], k)
    }

    /// What is to `c` as `a` is to `b`: the words most similar to a - b + c, none of the three among them. The king without
    /// the man and with the woman, `analogy("king", "man", "woman", k)`, is the queen.
    ///
    /// # Errors
    ///
    /// As [`most_similar`](Self::most_similar).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn analogy(&self, a: &str, b: &str, c: &str, k: usize) -> Result<Vec<SimilarWord<'a>>> {
        self.most_similar_to(&[a, c], &[b], k)
    }

    /// The words most similar to the sum of the `positive` words' vectors less the `negative` ones', each first brought to
    /// length 1, as gensim's `most_similar` does; none of these words among them.
    ///
    /// Where the sum is zero, as of a word less itself, all scores are 0, and the lowest rows come first.
    ///
    /// # Errors
    ///
    /// As [`most_similar`](Self::most_similar); [`Error::Shape`] if no word is given; [`Error::NotFinite`] if a word's vector
    /// is not.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn most_similar_to(&self, positive: &[&str], negative: &[&str], k: usize) -> Result<Vec<SimilarWord<'a>>> {
        crate::gpu::readback::block_on(|waiting| self.most_similar_with(positive, negative, k, waiting))
    }

    /// The async form of [`most_similar_to`](Self::most_similar_to).
    pub async fn most_similar_to_async(
        &self,
        positive: &[&str],
        negative: &[&str],
        k: usize,
    ) -> Result<Vec<SimilarWord<'a>>> {
        self.most_similar_with(positive, negative, k, Waiting::Yield).await
    }

    async fn most_similar_with(
        &self,
        positive: &[&str],
        negative: &[&str],
        k: usize,
        waiting: Waiting,
    ) -> Result<Vec<SimilarWord<'a>>> {
        if positive.is_empty() && negative.is_empty() {
            let (required, given) = ("at least one, positive or negative".to_owned(), "none".to_owned());
            return Err(Error::Shape { what: "the words to be similar to", required, given });
        }
        let row = |word: &&str| {
            self.vocabulary.row(word).ok_or_else(|| Error::UnknownWord { word: word.chars().take(100).collect() })
        };
        let rows: Vec<u32> = positive.iter().chain(negative).map(row).collect::<Result<_>>()?;
        let vectors = self.embedding.rows_with(&rows, waiting).await?;
        let directions = Directions::new(&vectors, self.embedding.output_dim() as usize);
        let mut query = vec![0.0; self.embedding.output_dim() as usize];
        for number in 0..rows.len() {
            directions.add_to(&mut query, number, if number < positive.len() { 1.0 } else { -1.0 });
        }
        let query: Vec<f32> = query.into_iter().map(|value| value as f32).collect();
        let search = self.search(k).with_excluded_of_each(vec![rows]);
        let found = self.embedding.nearest_with(&query, &search, waiting).await?;
        let named = |best: crate::Neighbour| {
            let word = self.vocabulary.word(best.row).expect("rows without a word are left out");
            SimilarWord { word, row: best.row, score: best.score }
        };
        Ok(found.into_iter().flatten().map(named).collect())
    }

    /// Among the rows that have a word.
    pub(super) fn search(&self, k: usize) -> Search {
        Search::new(k).with_rows(0..self.vocabulary.row_count()).with_excluded(&self.without_word)
    }
}

/// Rows, each of length 1.
pub(super) struct Directions {
    values: Vec<f64>,
    width: usize,
}

impl Directions {
    pub(super) fn new(rows: &[f32], width: usize) -> Self {
        Self { values: directions(rows, width), width }
    }

    /// `sum += factor * row`
    pub(super) fn add_to(&self, sum: &mut [f64], row: usize, factor: f64) {
        for (sum, value) in sum.iter_mut().zip(&self.values[row * self.width..][..self.width]) {
            *sum += factor * value;
        }
    }
}
