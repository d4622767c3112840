//! All vectors of a file, in memory.

use std::fmt;
use std::path::Path;

use super::options::{Format, ReadOptions, ReadReport};
use super::reader::VectorReader;
use super::vocabulary::Vocabulary;
use super::write::write_vectors;
use crate::error::{Error, Result};

/// Words with their vectors, in host memory: `[rows, width]` f32, row after row, and which word stands in which row.
///
/// ```
/// use wgpu_embedding::vectors::{ReadOptions, VectorReader, WordVectors};
///
/// // Of a file: WordVectors::load("glove.6B.100d.txt.gz")?
/// let file = "2 3\nthe 0.1 0.2 0.3\nof 0.4 0.5 0.6\n";
/// let reader = VectorReader::new(file.as_bytes(), &ReadOptions::default())?;
/// let (vectors, report) = WordVectors::read(reader)?;
/// assert_eq!((vectors.len(), vectors.width(), report.vectors), (2, 3, 2));
/// assert_eq!(vectors.get("of"), Some(&[0.4, 0.5, 0.6][..]));
/// # Ok::<(), wgpu_embedding::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct WordVectors {
    vocabulary: Vocabulary,
    values: Vec<f32>,
    width: usize,
}

impl WordVectors {
    /// Puts words and values together: row `r` of the vocabulary is `values[r * width..][..width]`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] if the width is 0; [`Error::Shape`] if the values are not whole rows, or fewer than
    /// the vocabulary's [`row_count`](Vocabulary::row_count).
    pub fn new(vocabulary: Vocabulary, values: Vec<f32>, width: usize) -> Result<Self> {
        if width == 0 {
            return Err(Error::InvalidConfig("the width must be at least 1, and is 0".to_owned()));
        }
        let rows = vocabulary.row_count() as usize;
        if !values.len().is_multiple_of(width) || values.len() / width < rows {
            return Err(Error::Shape {
                what: "the values",
                required: format!("whole rows of {width} floats, at least {rows} rows"),
                given: format!("{} floats", values.len()),
            });
        }
        Ok(Self { vocabulary, values, width })
    }

    /// Loads a file whose format is guessed, in which every problem is an error. For options see
    /// [`VectorReader::open`] and [`read`](Self::read).
    ///
    /// # Errors
    ///
    /// As [`VectorReader::open`] and [`next_vector`](VectorReader::next_vector).
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::read(VectorReader::open(path, &ReadOptions::default())?)?.0)
    }

    /// All vectors that the reader has still to give, from row 0 on, and what it met.
    ///
    /// Memory follows what has been read, not what the header claims: while it grows there may be room for twice as
    /// many floats, which is given back in the end.
    ///
    /// # Errors
    ///
    /// As [`next_vector`](VectorReader::next_vector).
    pub fn read(mut reader: VectorReader<'_>) -> Result<(Self, ReadReport)> {
        let width = reader.width();
        let given_before = reader.words().len();
        let mut values = Vec::new();
        while let Some((_, vector)) = reader.next_vector()? {
            values.extend_from_slice(vector);
        }
        values.shrink_to_fit();
        let report = reader.report();
        let mut vocabulary = reader.into_words();
        if given_before > 0 {
            vocabulary = Vocabulary::from_words(vocabulary.iter().skip(given_before).map(|(_, word)| word))?;
        }
        vocabulary.shrink_to_fit();
        Ok((Self { vocabulary, values, width }, report))
    }

    /// Writes them in a format of word vectors, gzipped if the path ends in `.gz`; see [`write_vectors`].
    ///
    /// # Errors
    ///
    /// As [`write_vectors`].
    pub fn save(&self, path: impl AsRef<Path>, format: Format) -> Result<()> {
        write_vectors(path, format, &self.vocabulary, self.width, |rows| Ok(self.gather(rows)))
    }

    /// The rows with these numbers, one after another. They must be rows of the vocabulary.
    fn gather(&self, rows: &[u32]) -> Vec<f32> {
        rows.iter().flat_map(|&row| self.row_values(row)).copied().collect()
    }

    fn row_values(&self, row: u32) -> &[f32] {
        &self.values[row as usize * self.width..][..self.width]
    }

    /// The word's vector.
    pub fn get(&self, word: &str) -> Option<&[f32]> {
        self.vocabulary.row(word).map(|row| self.row_values(row))
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.vocabulary.len()
    }

    /// Whether there is no word.
    pub fn is_empty(&self) -> bool {
        self.vocabulary.is_empty()
    }

    /// Numbers in each vector.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Which word stands in which row.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// All values, `[rows, width]`.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Each word with its vector, by rising row.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[f32])> {
        self.vocabulary.iter().map(|(row, word)| (word, self.row_values(row)))
    }

    /// The vocabulary and the values, for [`Initializer::Matrix`](crate::Initializer::Matrix) say.
    pub fn into_parts(self) -> (Vocabulary, Vec<f32>) {
        (self.vocabulary, self.values)
    }
}

impl fmt::Debug for WordVectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WordVectors")
            .field("vocabulary", &self.vocabulary)
            .field("width", &self.width)
            .finish_non_exhaustive()
    }
}
