//! How a file of word vectors is read, and what came of it.

use std::fmt;

/// The form of a file of word vectors. Each may be gzipped as well: readers see that by its first bytes, writers by a
/// path that ends in `.gz`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// A line a vector: the word, then `width` decimal numbers, between single spaces. No header. Words may hold
    /// spaces: the last `width` fields are the numbers. What [GloVe](https://nlp.stanford.edu/projects/glove/)
    /// writes, and gensim's `save_word2vec_format(write_header=False)`.
    ///
    /// Tabs and runs of spaces separate fields too, if the first 32 lines need it: if single spaces leave most of them
    /// without a word and its numbers, or with a tab and a number in the word. Elsewhere a line with tabs is read so if
    /// single spaces do not cut it. Blank lines at the file's end are no fault.
    GloveText,
    /// As [`GloveText`](Self::GloveText), after a header line `count width`. What word2vec's `-binary 0` writes,
    /// gensim's `save_word2vec_format`, and fastText as `.vec`, with a space at the end of each line.
    #[doc(alias = "fastText")]
    Word2vecText,
    /// A header line `count width`, then for each vector its word, a space, and `width` little-endian f32, with a
    /// newline after each vector (word2vec's `-binary 1`) or without (gensim's `save_word2vec_format(binary=True)`).
    Word2vecBinary,
}

/// What can be wrong with one vector of a file, or with their number.
///
/// Each ends the reading with an [`Error::Malformed`](crate::Error::Malformed) that names the file and the line or
/// byte, unless [`ReadOptions::with_skip`] says to leave such vectors out and count them. Everything else (a header
/// that is none, damaged gzip, a line or a binary word without end) is always an error: nothing after it can be
/// trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Problem {
    /// The word stood in the file before. Skipped: the first one stays, as in gensim.
    DuplicateWord,
    /// The word, or the line, is not UTF-8. Some files of the original word2vec cut words within a character.
    InvalidUtf8,
    /// The word is empty, begins or ends with a space or holds two in a row; or, in a binary file, it holds a
    /// newline.
    BadWord,
    /// A line with fewer or more numbers than the file's width: a blank one, one cut off. A line is of more numbers
    /// where what stands before the last `width` of them ends in yet another number. A blank line holds no vector, so
    /// it is none of those that a header announces; at the file's end it is no fault.
    WrongWidth,
    /// A field of a line is no decimal number.
    BadNumber,
    /// A number is NaN or infinite, or too large for f32.
    NotFinite,
    /// The file ends before, or goes on after, as many vectors as its header says. Skipped: what is there is taken,
    /// but for a last binary vector that is cut off, and what follows is not read. Counted once.
    WrongCount,
}

impl Problem {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::DuplicateWord,
        Self::InvalidUtf8,
        Self::BadWord,
        Self::WrongWidth,
        Self::BadNumber,
        Self::NotFinite,
        Self::WrongCount,
    ];
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DuplicateWord => "duplicate word",
            Self::InvalidUtf8 => "invalid UTF-8",
            Self::BadWord => "bad word",
            Self::WrongWidth => "wrong width",
            Self::BadNumber => "bad number",
            Self::NotFinite => "not finite",
            Self::WrongCount => "wrong count",
        })
    }
}

/// How a file of word vectors is to be read. By default its format is guessed, all of it is read, and every problem
/// is an error.
///
/// ```
/// use wgpu_embedding::vectors::{Format, Problem, ReadOptions};
///
/// let options = ReadOptions::default()
///     .with_format(Format::GloveText)
///     .with_limit(100_000)
///     .with_skip(Problem::DuplicateWord)
///     .with_skip(Problem::InvalidUtf8);
/// assert!(options.skips(Problem::DuplicateWord) && !options.skips(Problem::NotFinite));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadOptions {
    /// The file's format; guessed if `None`.
    ///
    /// A first line of exactly two whole numbers is a header `count width`, and any other is the first vector of a
    /// GloVe file. After a header the file is text if at least half of the next lines, 32 at most, end in `width`
    /// numbers behind a word. It is so too, for its lines may all be flawed, if the bytes behind the first space, 256 or
    /// `4 * width`, are UTF-8 without control characters, and ASCII as far as the line's end. Otherwise it is binary.
    ///
    /// So these are mistaken, and their format must be given: a GloVe file with a single number a word, if its first
    /// line is of two whole numbers, like `7 3`; a binary file of one or two short vectors, if their bits all happen to
    /// be such text.
    pub format: Option<Format>,
    /// Numbers a vector. A header must say the same; in a file without one it is what most of the first 32 lines have
    /// (those that are not blank, and within the first 256 KiB; of two widths as frequent, the one that came first),
    /// counting the numbers at the end of each line, so that neither a word with spaces nor a damaged line decides by
    /// itself. Needed only for an empty file, and for one whose first lines mislead.
    pub width: Option<usize>,
    /// The most vectors to give; the rest of the file is not looked at. Vectors that are skipped do not count, where
    /// gensim counts them.
    pub limit: Option<u64>,
    skip: [bool; Problem::ALL.len()],
}

impl ReadOptions {
    /// Sets [`format`](Self::format).
    pub fn with_format(self, format: Format) -> Self {
        Self { format: Some(format), ..self }
    }

    /// Sets [`width`](Self::width).
    pub fn with_width(self, width: usize) -> Self {
        Self { width: Some(width), ..self }
    }

    /// Sets [`limit`](Self::limit).
    pub fn with_limit(self, limit: u64) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// Leaves vectors with this problem out, and counts them.
    pub fn with_skip(mut self, problem: Problem) -> Self {
        self.skip[problem as usize] = true;
        self
    }

    /// Whether vectors with this problem are left out.
    pub fn skips(&self, problem: Problem) -> bool {
        self.skip[problem as usize]
    }
}

/// What a reader has met so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadReport {
    /// Vectors that were given.
    pub vectors: u64,
    pub(super) skipped: [u64; Problem::ALL.len()],
}

impl ReadReport {
    /// Vectors that were left out for this problem; for [`Problem::WrongCount`] 1 if it was met.
    pub fn skipped(&self, problem: Problem) -> u64 {
        self.skipped[problem as usize]
    }
}

impl fmt::Display for ReadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} vectors", self.vectors)?;
        for problem in Problem::ALL.into_iter().filter(|&problem| self.skipped(problem) > 0) {
            write!(f, ", {problem}: {}", self.skipped(problem))?;
        }
        Ok(())
    }
}

/// How far a reader has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes taken from the file: the compressed ones, if it is gzipped.
    pub bytes: u64,
    /// Bytes of the file, where that is known: not of a pipe, nor of a reader of the caller's.
    pub total_bytes: Option<u64>,
    /// Vectors given.
    pub vectors: u64,
}
