//! What comes next in a file: a line of a text, or a record of a binary file.

use super::binary::{self, MAX_WORD_BYTES};
use super::options::Problem;
use super::reader::{VectorReader, refused};
use super::text::{self, Fault, quoted};
use super::vocabulary::Vocabulary;
use crate::error::Result;

/// What comes next in the file.
pub(super) enum Next {
    Vector,
    Faulty {
        fault: Fault,
        place: String,
    },
    End,
    /// The end, within a vector.
    CutOff(String),
}

impl VectorReader<'_> {
    pub(super) fn next_line(&mut self) -> Result<Next> {
        let mut blank_lines = 0;
        let line = loop {
            match self.input.line()? {
                // Blank lines at the file's end are no fault.
                None => return Ok(Next::End),
                Some(line) if text::is_blank(line) => blank_lines += 1,
                Some(line) => break line,
            }
        };
        if blank_lines > 0 {
            if !self.options.skips(Problem::WrongWidth) {
                let first = format!("line {}", self.input.lines() - blank_lines);
                return Err(refused(&self.input, first, text::blank_line(self.values.len())));
            }
            self.report.skipped[Problem::WrongWidth as usize] += blank_lines;
        }
        let fault = match text::parse_line(line, &mut self.values, self.separators) {
            Ok(word) => add_word(&mut self.words, word)?,
            Err(fault) => Some(fault),
        };
        self.last_line = self.input.lines();
        Ok(fault.map_or(Next::Vector, |fault| Next::Faulty { fault, place: self.input.line_place() }))
    }

    pub(super) fn next_record(&mut self) -> Result<Next> {
        // The newline that may follow a vector is seen in front of the next word; as in gensim there may be several.
        while self.input.peek(1)? == b"\n" {
            self.input.take(1);
        }
        let place = |position: u64| format!("byte {position}");
        let position = self.input.position();
        let bytes = self.input.peek(MAX_WORD_BYTES + 1)?;
        let available = bytes.len();
        let Some(word_bytes) = memchr::memchr(b' ', bytes) else {
            if available == 0 {
                return Ok(Next::End);
            }
            if available <= MAX_WORD_BYTES {
                return Ok(Next::CutOff("the file ends within a word".to_owned()));
            }
            let problem = format!("a word must end in a space within {MAX_WORD_BYTES} bytes, and this does not");
            return Err(self.input.malformed(place(position), problem));
        };
        let record_bytes = word_bytes + 1 + self.values.len() * 4;
        let record = self.input.peek(record_bytes)?;
        if record.len() < record_bytes {
            let given = record.len() - word_bytes - 1;
            let message =
                format!("a vector has {} bytes, and the file ends after {given} of them", self.values.len() * 4);
            return Ok(Next::CutOff(message));
        }
        let (word, bytes) = (&record[..word_bytes], &record[word_bytes + 1..]);
        let fault = match binary::parse_record(word, bytes, &mut self.values) {
            Ok(word) => add_word(&mut self.words, word)?,
            Err(fault) => Some(fault),
        };
        self.input.take(record_bytes);
        Ok(fault.map_or(Next::Vector, |fault| Next::Faulty { fault, place: place(position) }))
    }
}

fn add_word(words: &mut Vocabulary, word: &str) -> Result<Option<Fault>> {
    Ok(words.push(word)?.err().map(|first| {
        let problem =
            format!("the word {} stood in the file before, as vector {}", quoted(word), u64::from(first) + 1);
        (Problem::DuplicateWord, problem)
    }))
}
