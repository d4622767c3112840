//! Which word stands in which row.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use indexmap::IndexMap;

use super::gzip::Output;
use super::input::Input;
use super::text::quoted;
use crate::config::MAX_INPUT_DIM;
use crate::error::{Error, Result};

/// Which word stands in which row of a table.
///
/// All words lie in one string, found by hash: a word takes its own bytes and about 20 more, so that 2 million words
/// take about 60 MB. Words are compared byte by byte: neither case nor Unicode normalisation is changed.
///
/// ```
/// use wgpu_embedding::vectors::Vocabulary;
///
/// let vocabulary = Vocabulary::from_words(["the", "of", "and"])?;
/// assert_eq!(vocabulary.row("of"), Some(1));
/// assert_eq!(vocabulary.word(2), Some("and"));
/// assert_eq!(vocabulary.row("unknown"), None);
/// # Ok::<(), wgpu_embedding::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Vocabulary {
    /// All words, one after another, by rising row.
    text: String,
    /// Where each word ends in `text`.
    ends: Vec<usize>,
    /// Each word's row, rising; `None` while the n-th word stands in row n.
    rows: Option<Vec<u32>>,
    /// Positions in `ends`, by the word's hash.
    index: HashTable<u32>,
    hasher: RandomState,
}

impl Vocabulary {
    /// The first word stands in row 0, the next in row 1, and so on.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if a word comes twice, with both rows, and if there are more words than a table has rows.
    pub fn from_words<I>(words: I) -> Result<Self>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let mut vocabulary = Self::default();
        for word in words {
            let word = word.as_ref();
            if let Err(first) = vocabulary.push(word)? {
                return Err(duplicate(word, first, vocabulary.ends.len() as u32));
            }
        }
        vocabulary.shrink_to_fit();
        Ok(vocabulary)
    }

    /// Each word stands in the row that is its value: a Keras `Tokenizer`'s `word_index`, in which no word has row 0.
    ///
    /// ```
    /// use indexmap::IndexMap;
    /// use wgpu_embedding::vectors::Vocabulary;
    ///
    /// let word_index = IndexMap::from([("the".to_owned(), 1), ("cat".to_owned(), 2)]);
    /// let vocabulary = Vocabulary::from_word_index(&word_index)?;
    /// assert_eq!((vocabulary.word(0), vocabulary.word(2)), (None, Some("cat")));
    /// assert_eq!((vocabulary.len(), vocabulary.row_count()), (2, 3));
    /// # Ok::<(), wgpu_embedding::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if two words have the same row, with both words, or a row is beyond what a table can
    /// have.
    pub fn from_word_index(word_index: &IndexMap<String, u32>) -> Result<Self> {
        let mut words: Vec<(u32, &str)> = word_index.iter().map(|(word, &row)| (row, word.as_str())).collect();
        words.sort_unstable();
        let mut vocabulary = Self::default();
        for (row, word) in &words {
            if *row >= MAX_INPUT_DIM {
                return Err(malformed(*row, format!("{word:?} must stand in a row below {MAX_INPUT_DIM}")));
            }
            // No word comes twice: they are keys.
            let _ = vocabulary.push(word)?;
        }
        if let Some(pair) = words.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let problem = format!("it holds one word, and is given to {:?} and {:?}", pair[0].1, pair[1].1);
            return Err(malformed(pair[0].0, problem));
        }
        if words.iter().zip(0..).any(|(&(row, _), position)| row != position) {
            vocabulary.rows = Some(words.iter().map(|&(row, _)| row).collect());
        }
        Ok(vocabulary)
    }

    /// Only the words in rows below `rows`.
    ///
    /// A Keras `Tokenizer` with `num_words` has all words in its `word_index`, and gives only the ids below `num_words`: a
    /// table for these has fewer rows than there are words.
    ///
    /// ```
    /// use indexmap::IndexMap;
    /// use wgpu_embedding::vectors::Vocabulary;
    ///
    /// let word_index: IndexMap<String, u32> = ["the", "dog", "cat"].map(str::to_owned).into_iter().zip(1..).collect();
    /// let num_words = 3;
    /// let vocabulary = Vocabulary::from_word_index(&word_index)?.truncated(num_words);
    /// assert_eq!((vocabulary.len(), vocabulary.row_count()), (2, 3));
    /// assert_eq!((vocabulary.row("dog"), vocabulary.row("cat")), (Some(2), None));
    /// # Ok::<(), wgpu_embedding::Error>(())
    /// ```
    pub fn truncated(mut self, rows: u32) -> Self {
        let count = match &self.rows {
            None => self.ends.len().min(rows as usize),
            Some(all) => all.partition_point(|&row| row < rows),
        };
        self.ends.truncate(count);
        self.text.truncate(self.ends.last().copied().unwrap_or(0));
        self.index.retain(|&mut position| (position as usize) < count);
        self.rows = self.rows.take().and_then(|mut all| {
            all.truncate(count);
            // Rows 0, 1 and so on are not listed.
            all.last().is_some_and(|&last| last as usize >= count).then_some(all)
        });
        self.shrink_to_fit();
        self
    }

    /// Reads a file of words, one a line, plain or gzip: the word of line `n`, from 1, stands in row `n - 1`, and an
    /// empty line is a row without a word. What [`save`](Self::save) writes. A line may end in a carriage return,
    /// too, and a UTF-8 byte-order mark may come first.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] with the line for a word that comes twice, one that is not UTF-8, and a line of 16 MiB or
    /// more, and for a file that is no text; [`Error::File`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let mut input = Input::open(path.as_ref())?;
        input.refuse_other_kinds(true)?;
        let (mut vocabulary, mut rows) = (Self::default(), Vec::new());
        for row in 0..=u32::MAX {
            let Some(line) = input.line()? else { break };
            let Ok(word) = std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line)) else {
                return Err(input.malformed(input.line_place(), "a word must be UTF-8, and this is not".to_owned()));
            };
            if word.is_empty() {
                continue;
            }
            if row >= MAX_INPUT_DIM {
                return Err(input.malformed(input.line_place(), format!("a table has at most {MAX_INPUT_DIM} rows")));
            }
            if let Err(first) = vocabulary.push(word)? {
                let first = rows[first as usize] + 1;
                let problem =
                    format!("each word must come once, and {} stands in line {first} already", quoted(word));
                return Err(input.malformed(input.line_place(), problem));
            }
            rows.push(row);
        }
        if rows.last().is_some_and(|&last| last as usize >= rows.len()) {
            vocabulary.rows = Some(rows);
        }
        vocabulary.shrink_to_fit();
        Ok(vocabulary)
    }

    /// Writes a file of words, one a line, with empty lines for rows without one: beside a table in safetensors, say.
    /// Gzipped if the path ends in `.gz`, and renamed when it is whole, as by
    /// [`write_vectors`](super::write_vectors).
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] with the row of a word that is empty, holds a newline or ends in a carriage return, or
    /// stands in row 0 and begins with a byte-order mark (U+FEFF), before anything is written; [`Error::File`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        for (row, word) in self.iter() {
            if word.is_empty() || word.contains('\n') || word.ends_with('\r') {
                let needed = "must be neither empty nor hold a newline nor end in a carriage return";
                return Err(malformed(row, format!("a word of a file {needed}, and this is {}", quoted(word))));
            }
            if row == 0 && word.starts_with('\u{feff}') {
                let needed = "must not begin with U+FEFF, which is taken for a byte-order mark there";
                return Err(malformed(
                    row,
                    format!("the first word of a file {needed}, and this is {}", quoted(word)),
                ));
            }
        }
        let mut file = Output::create(path.as_ref())?;
        let mut next_row = 0;
        for (row, word) in self.iter() {
            (next_row..row).try_for_each(|_| file.write(b"\n"))?;
            file.write(word.as_bytes())?;
            file.write(b"\n")?;
            next_row = row + 1;
        }
        file.finish()
    }

    /// The word's row.
    pub fn row(&self, word: &str) -> Option<u32> {
        let position = *self.index.find(self.hasher.hash_one(word), |&position| self.at(position) == word)?;
        Some(self.rows.as_ref().map_or(position, |rows| rows[position as usize]))
    }

    /// The word that stands in the row.
    pub fn word(&self, row: u32) -> Option<&str> {
        let position = match &self.rows {
            None => row,
            Some(rows) => rows.binary_search(&row).ok()? as u32,
        };
        ((position as usize) < self.ends.len()).then(|| self.at(position))
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no word.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Rows that a table of these words has at least: one more than the highest row; 0 if there is no word.
    pub fn row_count(&self) -> u32 {
        match &self.rows {
            None => self.ends.len() as u32,
            Some(rows) => rows.last().map_or(0, |&row| row + 1),
        }
    }

    /// Each row that has a word, rising, with its word.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u32, &str)> {
        (0..self.ends.len()).map(|position| {
            let row = self.rows.as_ref().map_or(position as u32, |rows| rows[position]);
            (row, self.at(position as u32))
        })
    }

    /// Adds a word in the next row and gives that row, or `Err` with the row where it stands already. Only for a
    /// vocabulary whose words stand in rows 0, 1, and so on.
    pub(crate) fn push(&mut self, word: &str) -> Result<Result<u32, u32>> {
        let Self { text, ends, index, hasher, .. } = self;
        let entry = index.entry(
            hasher.hash_one(word),
            |&position| word_at(text, ends, position) == word,
            |&position| hasher.hash_one(word_at(text, ends, position)),
        );
        match entry {
            Entry::Occupied(entry) => Ok(Err(*entry.get())),
            Entry::Vacant(_) if ends.len() >= MAX_INPUT_DIM as usize => Err(malformed(
                MAX_INPUT_DIM,
                format!("a table has at most {MAX_INPUT_DIM} rows, and {word:?} is one more"),
            )),
            Entry::Vacant(entry) => {
                let position = ends.len() as u32;
                entry.insert(position);
                text.push_str(word);
                ends.push(text.len());
                Ok(Ok(position))
            }
        }
    }

    /// Gives back what was allocated ahead.
    pub(crate) fn shrink_to_fit(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    fn at(&self, position: u32) -> &str {
        word_at(&self.text, &self.ends, position)
    }
}

fn word_at<'a>(text: &'a str, ends: &[usize], position: u32) -> &'a str {
    let position = position as usize;
    let start = if position == 0 { 0 } else { ends[position - 1] };
    &text[start..ends[position]]
}

fn duplicate(word: &str, first: u32, second: u32) -> Error {
    malformed(second, format!("each word must stand in one row, and {} stands in row {first} already", quoted(word)))
}

fn malformed(row: u32, problem: String) -> Error {
    Error::Malformed { what: "the vocabulary".to_owned(), place: format!("row {row}"), problem }
}

impl fmt::Debug for Vocabulary {
    /// The number of words and the first few: there may be millions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first: Vec<_> = self.iter().take(8).collect();
        f.debug_struct("Vocabulary").field("len", &self.len()).field("first", &first).finish_non_exhaustive()
    }
}

impl PartialEq for Vocabulary {
    /// Whether the same words stand in the same rows.
    fn eq(&self, other: &Self) -> bool {
        self.ends == other.ends && self.text == other.text && self.rows == other.rows
    }
}

impl Eq for Vocabulary {}
