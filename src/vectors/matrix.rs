//! The matrix of a vocabulary, from pretrained vectors.

use indexmap::IndexMap;

use super::reader::VectorReader;
use super::text::quoted;
use super::word_vectors::WordVectors;
use crate::config::EmbeddingConfig;
use crate::error::{Error, Result};
use crate::initializer::Initializer;
use crate::memory::check_room_for;
use crate::row_generator::RowGenerator;

mod sealed {
    pub trait Sealed {}
    impl Sealed for &super::WordVectors {}
    impl Sealed for super::VectorReader<'_> {}
    impl Sealed for &mut super::VectorReader<'_> {}
}

/// Where [`embedding_matrix`] finds vectors: `&`[`WordVectors`] in memory, or a [`VectorReader`] (or `&mut` one,
/// whose [`report`](VectorReader::report) can then still be read), read to its end in one pass, of which only the
/// rows that are needed are kept.
pub trait VectorSource: sealed::Sealed {
    #[doc(hidden)]
    fn vector_width(&self) -> usize;
    #[doc(hidden)]
    fn for_each_vector(self, take: impl FnMut(&str, &[f32])) -> Result<()>;
}

impl VectorSource for &WordVectors {
    fn vector_width(&self) -> usize {
        self.width()
    }
    fn for_each_vector(self, mut take: impl FnMut(&str, &[f32])) -> Result<()> {
        self.iter().for_each(|(word, vector)| take(word, vector));
        Ok(())
    }
}

impl VectorSource for &mut VectorReader<'_> {
    fn vector_width(&self) -> usize {
        self.width()
    }
    fn for_each_vector(self, mut take: impl FnMut(&str, &[f32])) -> Result<()> {
        while let Some((word, vector)) = self.next_vector()? {
            take(word, vector);
        }
        Ok(())
    }
}

impl VectorSource for VectorReader<'_> {
    fn vector_width(&self) -> usize {
        self.width()
    }
    fn for_each_vector(mut self, take: impl FnMut(&str, &[f32])) -> Result<()> {
        (&mut self).for_each_vector(take)
    }
}

/// How [`embedding_matrix_with`] makes a matrix. By default as large as the word index needs, with zeros for words
/// that have no vector.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MatrixOptions {
    /// Rows of the matrix, as the Tokenizer's `num_words`: words with this id and above are left out. `None`: one
    /// more than the highest id.
    pub num_words: Option<u32>,
    /// What words without a vector get; [`Initializer::Zeros`] unless given. Each such row is what a table of this
    /// size would have there, so it does not depend on which words were found.
    pub initializer: Initializer,
    /// Seeds the initializer.
    pub seed: u64,
    /// Whether to list the words that were not found.
    pub list_missing: bool,
}

impl Default for MatrixOptions {
    fn default() -> Self {
        Self { num_words: None, initializer: Initializer::Zeros, seed: 0, list_missing: false }
    }
}

impl MatrixOptions {
    /// Sets [`num_words`](Self::num_words).
    pub fn with_num_words(self, num_words: u32) -> Self {
        Self { num_words: Some(num_words), ..self }
    }

    /// Sets [`initializer`](Self::initializer).
    pub fn with_initializer(self, initializer: Initializer) -> Self {
        Self { initializer, ..self }
    }

    /// Sets [`seed`](Self::seed).
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Sets [`list_missing`](Self::list_missing).
    pub fn with_list_missing(self, list_missing: bool) -> Self {
        Self { list_missing, ..self }
    }
}

/// A table's values for a vocabulary, made by [`embedding_matrix`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EmbeddingMatrix {
    /// `[rows, width]`, row after row, for [`Initializer::Matrix`].
    pub values: Vec<f32>,
    /// The table's `input_dim`.
    pub rows: u32,
    /// The table's `output_dim`.
    pub width: u32,
    /// Words of the word index, among those with an id below `rows`, that have a vector.
    pub found: usize,
    /// Those that have none.
    pub missing: usize,
    /// The latter in the word index's order, if [`MatrixOptions::list_missing`] asked for them.
    pub missing_words: Vec<String>,
}

/// Keras's idiom for pretrained vectors: a matrix whose row `id` is the vector of the word with this id in a
/// Tokenizer's `word_index`, and zeros where there is none, as in row 0, which no word has.
///
/// Words must match byte by byte: a Tokenizer with `lower` finds nothing in the capitalised half of a cased file.
///
/// ```
/// use indexmap::IndexMap;
/// use wgpu_embedding::vectors::{ReadOptions, VectorReader, embedding_matrix};
/// use wgpu_embedding::{Adam, EmbeddingConfig, GpuContext, GpuEmbedding, Initializer};
///
/// // What a Tokenizer makes of these texts: ids from 1, the most frequent word first, ties in the order they came.
/// let texts = ["the cat saw the dog", "the dog barked"];
/// let word_index: IndexMap<String, u32> =
///     ["the", "dog", "cat", "saw", "barked"].map(str::to_owned).into_iter().zip(1..).collect();
/// let sequences: Vec<Vec<u32>> =
///     texts.iter().map(|text| text.split(' ').map(|word| word_index[word]).collect()).collect();
/// assert_eq!(sequences, [vec![1, 3, 4, 1, 2], vec![1, 2, 5]]);
///
/// // Of a file: VectorReader::open("glove.6B.100d.txt", &ReadOptions::default())?
/// let file = "the 0.1 0.2\nof 0.3 0.4\ndog 0.5 0.6\ncat 0.7 0.8\nsaw 0.9 1.0\n";
/// let reader = VectorReader::new(file.as_bytes(), &ReadOptions::default())?;
/// let matrix = embedding_matrix(&word_index, reader)?;
/// assert_eq!((matrix.rows, matrix.width, matrix.found, matrix.missing), (6, 2, 4, 1));
///
/// let config = EmbeddingConfig::new(matrix.rows, matrix.width)
///     .with_initializer(Initializer::Matrix(matrix.values))
///     .with_trainable(false); // leave this out to fine-tune
/// let embedding = GpuEmbedding::new(&GpuContext::auto()?, config, Adam::default())?;
/// let output = embedding.lookup(&embedding.batch(&sequences[1])?)?.read()?;
/// assert_eq!(output, [0.1, 0.2, 0.5, 0.6, 0.0, 0.0]); // the, dog, and barked, which has no vector
/// # Ok::<(), wgpu_embedding::Error>(())
/// ```
///
/// # Errors
///
/// What the reader meets; [`Error::Malformed`] if two words have the same id; [`Error::InvalidConfig`] if an id is
/// beyond what a table can have; [`Error::OutOfMemory`] if the matrix does not fit the machine's memory.
pub fn embedding_matrix(word_index: &IndexMap<String, u32>, vectors: impl VectorSource) -> Result<EmbeddingMatrix> {
    embedding_matrix_with(word_index, vectors, &MatrixOptions::default())
}

/// As [`embedding_matrix`], with options.
///
/// ```
/// # use indexmap::IndexMap;
/// use wgpu_embedding::Initializer;
/// use wgpu_embedding::vectors::{MatrixOptions, Vocabulary, WordVectors, embedding_matrix_with};
///
/// let vectors = WordVectors::new(Vocabulary::from_words(["the", "of"])?, vec![0.1, 0.2, 0.3, 0.4], 2)?;
/// let word_index: IndexMap<String, u32> = ["the", "zyzzyva", "of"].map(str::to_owned).into_iter().zip(1..).collect();
/// let options = MatrixOptions::default()
///     .with_num_words(3) // ids 0, 1 and 2
///     .with_initializer(Initializer::Constant(0.5))
///     .with_list_missing(true);
/// let matrix = embedding_matrix_with(&word_index, &vectors, &options)?;
/// assert_eq!(matrix.values, [0.0, 0.0, 0.1, 0.2, 0.5, 0.5]);
/// assert_eq!(matrix.missing_words, ["zyzzyva"]);
/// # Ok::<(), wgpu_embedding::Error>(())
/// ```
///
/// # Errors
///
/// As [`embedding_matrix`]; [`Error::InvalidConfig`] too if `num_words` is 0 or the initializer's settings are out of
/// range.
pub fn embedding_matrix_with(
    word_index: &IndexMap<String, u32>,
    vectors: impl VectorSource,
    options: &MatrixOptions,
) -> Result<EmbeddingMatrix> {
    let width = vectors.vector_width();
    let rows = match options.num_words {
        Some(rows) => rows,
        None => word_index.values().max().map_or(1, |&highest| highest.saturating_add(1)),
    };
    let output_dim = u32::try_from(width).map_err(|_| {
        Error::InvalidConfig(format!("the vectors' width must be at most {}, and is {width}", u32::MAX))
    })?;
    let config =
        EmbeddingConfig::new(rows, output_dim).with_initializer(options.initializer.clone()).with_seed(options.seed);
    config.validate()?;
    // Four bytes a value, and one a row.
    let required = config.element_count().saturating_mul(4).saturating_add(u64::from(rows));
    check_room_for("the embedding matrix", required)?;
    let mut states = row_states(word_index, rows)?;
    let mut values = vec![0.0; rows as usize * width];
    let mut found = 0;
    vectors.for_each_vector(|word, vector| {
        if let Some(&row) = word_index.get(word)
            && row < rows
            && states[row as usize] == RowState::Missing
        {
            values[row as usize * width..][..width].copy_from_slice(vector);
            states[row as usize] = RowState::Found;
            found += 1;
        }
    })?;
    if options.initializer != Initializer::Zeros {
        let mut generator = RowGenerator::new(&config)?;
        let mut drawn = vec![0.0; width];
        for (row, state) in values.chunks_exact_mut(width).zip(&states) {
            // Drawn for every row, so that each gets what stands at its place.
            generator.fill_row(&mut drawn)?;
            if *state == RowState::Missing {
                row.copy_from_slice(&drawn);
            }
        }
    }
    let is_missing = |row: u32| row < rows && states[row as usize] == RowState::Missing;
    let missing_words: Vec<String> = match options.list_missing {
        true => word_index.iter().filter(|&(_, &row)| is_missing(row)).map(|(word, _)| word.clone()).collect(),
        false => Vec::new(),
    };
    let missing = states.iter().filter(|&&state| state == RowState::Missing).count();
    Ok(EmbeddingMatrix { values, rows, width: output_dim, found, missing, missing_words })
}

#[derive(Clone, Copy, PartialEq)]
enum RowState {
    /// No word has this id.
    NoWord,
    /// Its word's vector has not come, yet.
    Missing,
    Found,
}

fn row_states(word_index: &IndexMap<String, u32>, rows: u32) -> Result<Vec<RowState>> {
    let mut states = vec![RowState::NoWord; rows as usize];
    for (word, &row) in word_index.iter().filter(|&(_, &row)| row < rows) {
        if states[row as usize] != RowState::NoWord {
            return Err(Error::Malformed {
                what: "the word index".to_owned(),
                place: format!("id {row}"),
                problem: format!("each id must have one word, and {} is not the first of this one", quoted(word)),
            });
        }
        states[row as usize] = RowState::Missing;
    }
    Ok(states)
}
