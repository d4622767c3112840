//! Reads one vector after another.

use std::fmt;
use std::io::Read;
use std::path::Path;

use super::input::Input;
use super::layout::Separators;
use super::next::Next;
use super::opening::Opening;
use super::options::{Format, Problem, Progress, ReadOptions, ReadReport};
use super::text::{self, Fault};
use super::vocabulary::Vocabulary;
use crate::error::{Error, Result};

/// The callback is called when so many bytes more have come from the file.
const PROGRESS_BYTES: u64 = 1 << 20;

/// Reads a file of word vectors, one after another: text or binary, plain or gzip. A UTF-8 byte-order mark at the start
/// is left out.
///
/// The file is never in memory as a whole. The reader holds a window of the file (256 KiB, more only for a line that
/// is longer), one vector, and the words that have come, by which it knows duplicates: about 60 MB for 2 million. A
/// line has fewer than 16 MiB, a vector 1,048,576 numbers, a word in a binary file 64 KiB; what is beyond is an
/// error. What a header claims allocates nothing but one vector.
///
/// ```
/// use wgpu_embedding::vectors::{ReadOptions, VectorReader};
///
/// let file = "the 0.1 0.2\nat name@domain.com 0.3 0.4\n";
/// let mut reader = VectorReader::new(file.as_bytes(), &ReadOptions::default())?;
/// assert_eq!(reader.width(), 2);
/// let mut words = Vec::new();
/// while let Some((word, vector)) = reader.next_vector()? {
///     words.push((word.to_owned(), vector[0]));
/// }
/// assert_eq!(words, [("the".to_owned(), 0.1), ("at name@domain.com".to_owned(), 0.3)]);
/// # Ok::<(), wgpu_embedding::Error>(())
/// ```
pub struct VectorReader<'a> {
    pub(super) input: Input<'a>,
    pub(super) options: ReadOptions,
    format: Format,
    pub(super) separators: Separators,
    /// How many vectors the header says there are.
    declared: Option<u64>,
    /// How many there were, those left out among them, but no blank lines: these are no vectors.
    met: u64,
    /// The last line that is not blank.
    pub(super) last_line: u64,
    pub(super) words: Vocabulary,
    pub(super) values: Vec<f32>,
    pub(super) report: ReadReport,
    progress: Option<Box<dyn FnMut(Progress) + Send + 'a>>,
    next_progress: u64,
    ended: bool,
}

impl VectorReader<'static> {
    /// Opens a file and reads as far as its width.
    ///
    /// # Errors
    ///
    /// [`Error::File`](crate::Error::File) if it cannot be opened or read;
    /// [`Error::Malformed`](crate::Error::Malformed) if the header is none, the width cannot be told, or the file is
    /// of another kind;
    /// [`Error::Shape`](crate::Error::Shape) if the header's width is not that of `options`.
    pub fn open(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Self> {
        Self::start(Input::open(path.as_ref())?, options)
    }
}

impl<'a> VectorReader<'a> {
    /// Reads from `stream`, for which errors say "the input" in place of a path.
    ///
    /// # Errors
    ///
    /// As [`open`](VectorReader::open).
    pub fn new(stream: impl Read + Send + 'a, options: &ReadOptions) -> Result<Self> {
        Self::start(Input::new(stream, "the input".to_owned(), None)?, options)
    }

    fn start(mut input: Input<'a>, options: &ReadOptions) -> Result<Self> {
        let Opening { format, declared, width, separators, blank_lines } = Opening::read(&mut input, options)?;
        let mut report = ReadReport::default();
        if blank_lines > 0 && !options.skips(Problem::WrongWidth) {
            return Err(refused(&input, "line 1".to_owned(), text::blank_header()));
        }
        report.skipped[Problem::WrongWidth as usize] = blank_lines;
        Ok(Self {
            last_line: input.lines(),
            input,
            options: *options,
            format,
            separators,
            declared,
            met: 0,
            words: Vocabulary::default(),
            values: vec![0.0; width],
            report,
            progress: None,
            next_progress: PROGRESS_BYTES,
            ended: false,
        })
    }

    /// Calls `progress` about once a MiB of the file, and at the end.
    pub fn with_progress(self, progress: impl FnMut(Progress) + Send + 'a) -> Self {
        Self { progress: Some(Box::new(progress)), ..self }
    }

    /// The file's format, as given or guessed.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Numbers in each vector.
    pub fn width(&self) -> usize {
        self.values.len()
    }

    /// What the header says of the number of vectors; `None` in a file without one. It may be wrong.
    pub fn declared_count(&self) -> Option<u64> {
        self.declared
    }

    /// What it has met so far.
    pub fn report(&self) -> ReadReport {
        self.report
    }

    /// The words that were given so far, in this order.
    pub fn words(&self) -> &Vocabulary {
        &self.words
    }

    pub(super) fn into_words(self) -> Vocabulary {
        self.words
    }

    /// The next word and its vector, of [`width`](Self::width) numbers; `None` at the end, and after an error.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`](crate::Error::Malformed) for a [`Problem`] that is not to be skipped, for damaged gzip
    /// and for what is too long, with the line of a text file (from 1) or the byte of a binary one (from 0, of what
    /// is unpacked) where the vector begins; [`Error::File`](crate::Error::File) if the file cannot be read.
    pub fn next_vector(&mut self) -> Result<Option<(&str, &[f32])>> {
        if self.ended {
            return Ok(None);
        }
        // Whatever happens but a vector, it is the end.
        self.ended = true;
        if !self.advance()? {
            self.call_progress(0);
            return Ok(None);
        }
        self.ended = false;
        self.call_progress(self.next_progress);
        let last = self.words.len() as u32 - 1;
        Ok(self.words.word(last).map(|word| (word, self.values.as_slice())))
    }

    /// Goes to the next vector; false at the end.
    fn advance(&mut self) -> Result<bool> {
        loop {
            if self.options.limit.is_some_and(|limit| self.report.vectors >= limit) {
                return Ok(false);
            }
            if self.declared == Some(self.met) {
                return self.check_rest();
            }
            let next = match self.format {
                Format::GloveText | Format::Word2vecText => self.next_line()?,
                Format::Word2vecBinary => self.next_record()?,
            };
            match next {
                Next::Vector => {
                    self.met += 1;
                    self.report.vectors += 1;
                    return Ok(true);
                }
                Next::Faulty { fault, place } => {
                    self.met += 1;
                    self.tolerate(fault, place)?;
                }
                Next::End => match self.declared {
                    Some(declared) => {
                        let message =
                            format!("the header says {declared} vectors, and the file ends after {}", self.met);
                        return self.wrong_count(message);
                    }
                    None => return Ok(false),
                },
                Next::CutOff(message) => return self.wrong_count(message),
            }
        }
    }

    /// After as many vectors as the header says: whether the file ends there, but for white space.
    fn check_rest(&mut self) -> Result<bool> {
        loop {
            let rest = self.input.peek(1)?;
            match rest.first() {
                None => return Ok(false),
                Some(&byte) if text::is_white(byte) => self.input.take(1),
                Some(_) => {
                    let message = format!("the header says {} vectors, and the file goes on after them", self.met);
                    return self.wrong_count(message);
                }
            }
        }
    }

    fn wrong_count(&mut self, message: String) -> Result<bool> {
        let place = match self.format {
            Format::Word2vecBinary => format!("byte {}", self.input.position()),
            _ => format!("after line {}", self.last_line),
        };
        self.tolerate((Problem::WrongCount, message), place)?;
        Ok(false)
    }

    /// Counts a problem that is to be skipped, or makes an error of it.
    fn tolerate(&mut self, fault: Fault, place: String) -> Result<()> {
        if !self.options.skips(fault.0) {
            return Err(refused(&self.input, place, fault));
        }
        self.report.skipped[fault.0 as usize] += 1;
        Ok(())
    }

    fn call_progress(&mut self, from_bytes: u64) {
        let bytes = self.input.bytes();
        if bytes >= from_bytes
            && let Some(progress) = &mut self.progress
        {
            self.next_progress = bytes + PROGRESS_BYTES;
            progress(Progress { bytes, total_bytes: self.input.total_bytes(), vectors: self.report.vectors });
        }
    }
}

/// An error of what might have been skipped.
pub(super) fn refused(input: &Input<'_>, place: String, (problem, message): Fault) -> Error {
    let remedy = format!("{message}; to skip and count these, ReadOptions::with_skip(Problem::{problem:?})");
    input.malformed(place, remedy)
}

impl fmt::Debug for VectorReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VectorReader")
            .field("format", &self.format)
            .field("width", &self.width())
            .field("declared_count", &self.declared)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}
