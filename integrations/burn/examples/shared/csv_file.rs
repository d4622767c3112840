//! CSV files with a header: what the examples need of each record, and errors that name file and line.
//!
//! Not the `csv` crate, though its fields are the same (the tests compare them): where a quote is never closed, it takes the
//! rest of the file for one field without a word, and it does not say where quotes open.

use std::io::{BufRead, BufReader, Read};

use crate::csv_quotes::{Quote, check};
use crate::encoding;
use crate::program::Result;

/// What a column is called, in any case, and what it holds.
#[derive(Clone, Copy)]
pub struct Column {
    pub name: &'static str,
    pub holds: Holds,
}

#[allow(dead_code)] // no example reads all of them
#[derive(Clone, Copy)]
pub enum Holds {
    /// What only such fields are. Lines that have them all are records.
    Checked(fn(&str) -> bool),
    /// Text of one line.
    Line,
    /// Text that may have line breaks, within quotes.
    Text,
}

/// Hands on the named columns of each record, in this order. A record whose fields are all blank holds nothing, and is left
/// out.
pub fn records<const N: usize>(
    file: &str,
    contents: impl Read,
    columns: [Column; N],
    mut take: impl FnMut([&str; N]) -> Result<()>,
) -> Result<()> {
    let mut reader = Reader::new(contents);
    let mut record = Record::default();
    let unreadable = |error| format!("{file}: cannot be read: {error}");
    // Of use only where the header is none.
    let other_kind = encoding::other_kind(reader.start().map_err(unreadable)?);
    reader.read(&mut record).map_err(unreadable)?;
    check(&record, 0, &[]).map_err(|(line, what)| at(file, line, other_kind.as_ref().unwrap_or(&what)))?;
    let in_header = |what: String| at(file, record.line.max(1), other_kind.as_ref().unwrap_or(&what));
    let header = record.texts().map_err(in_header)?;
    let positions = positions(&header, columns.map(|column| column.name)).map_err(in_header)?;
    let width = header.len();
    let placed: Vec<_> = positions.iter().copied().zip(columns).collect();

    while reader.read(&mut record).map_err(unreadable)? {
        // First: a quote that is not closed makes all else wrong.
        check(&record, width, &placed).map_err(|(line, what)| at(file, line, &what))?;
        let here = |what: &str| at(file, record.line, what);
        let fields = record.texts().map_err(|what| here(&what))?;
        if fields.iter().all(|field| field.trim().is_empty()) {
            continue;
        }
        if fields.len() != width {
            let given = fields.len();
            return Err(here(&format!(
                "each record must have {width} fields as the header has, and this one has {given}"
            ))
            .into());
        }
        take(positions.map(|position| fields[position])).map_err(|error| here(&error.to_string()))?;
    }
    Ok(())
}

fn at(file: &str, line: u64, what: &str) -> String {
    format!("{file}:{line}: {what}")
}

/// Where the columns are: by the very name, or in another case where none has that.
fn positions<const N: usize>(header: &[&str], names: [&str; N]) -> Result<[usize; N], String> {
    let mut positions = [0; N];
    for (position, name) in positions.iter_mut().zip(names) {
        let named = |same: fn(&str, &str) -> bool| -> Vec<usize> {
            (0..header.len()).filter(|&column| same(header[column].trim(), name)).collect()
        };
        let exact = named(|given, name| given == name);
        let found = if exact.is_empty() { named(str::eq_ignore_ascii_case) } else { exact };
        *position = match found[..] {
            [position] => position,
            [] => return Err(format!("the header must have {}, and lacks {name}", names.join(","))),
            _ => return Err(format!("the header must have one column {name}, and has {}", found.len())),
        };
    }
    Ok(positions)
}

/// A record's fields, and the quotes around them.
#[derive(Default)]
pub struct Record {
    /// The line that it begins in, from 1.
    pub line: u64,
    /// Those that are open over several lines.
    pub quotes: Vec<Quote>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Record {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn field(&self, number: usize) -> &[u8] {
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.bytes[start..self.ends[number]]
    }

    fn texts(&self) -> Result<Vec<&str>, String> {
        let text = |number| {
            let field = str::from_utf8(self.field(number));
            field.map_err(|_| format!("field {} is not UTF-8; {}", number + 1, encoding::REMEDY))
        };
        (0..self.len()).map(text).collect()
    }
}

/// Where a byte stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    FieldStart,
    Plain,
    Quoted,
    /// After a quote within quotes: the field ends here, or has that quote.
    AfterQuote,
}

struct Reader<R> {
    input: BufReader<R>,
    /// The line of the next byte, from 1.
    line: u64,
    after_return: bool,
}

impl<R: Read> Reader<R> {
    fn new(contents: R) -> Self {
        Self { input: BufReader::with_capacity(1 << 16, contents), line: 1, after_return: false }
    }

    /// How the file begins, without its mark of UTF-8.
    fn start(&mut self) -> std::io::Result<&[u8]> {
        if self.input.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
            self.input.consume(3);
        }
        self.input.fill_buf()
    }

    /// Reads the next record, blank lines left out. Gives false at the end of the file.
    fn read(&mut self, record: &mut Record) -> std::io::Result<bool> {
        record.bytes.clear();
        record.ends.clear();
        record.quotes.clear();
        let mut place = Place::FieldStart;
        // The quote that was opened last.
        let mut quote = Quote::default();
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                if place == Place::Quoted || place == Place::AfterQuote && quote.closes > quote.opens {
                    quote.never_closed = place == Place::Quoted;
                    record.quotes.push(quote);
                }
                let is_empty = record.ends.is_empty() && place == Place::FieldStart;
                if !is_empty {
                    record.ends.push(record.bytes.len());
                }
                return Ok(!is_empty);
            }
            let mut used = 0;
            let mut ended = false;
            for &byte in buffer {
                used += 1;
                let line = self.line;
                let is_break = matches!(byte, b'\r' | b'\n');
                self.line += u64::from(byte == b'\r' || byte == b'\n' && !self.after_return);
                self.after_return = byte == b'\r';
                if record.ends.is_empty() && place == Place::FieldStart {
                    if is_break {
                        continue;
                    }
                    record.line = line;
                }
                match (place, byte) {
                    (Place::FieldStart, b'"') => {
                        quote = Quote { field: record.ends.len(), opens: line, ..Quote::default() };
                        place = Place::Quoted;
                    }
                    (Place::Quoted, b'"') => {
                        quote.closes = line;
                        place = Place::AfterQuote;
                    }
                    (Place::Quoted, _) => record.bytes.push(byte),
                    (Place::AfterQuote, b'"') => {
                        record.bytes.push(b'"');
                        place = Place::Quoted;
                    }
                    _ => {
                        if place == Place::AfterQuote && quote.closes > quote.opens {
                            quote.followed_by = byte;
                            record.quotes.push(quote);
                        }
                        match byte {
                            b',' => {
                                record.ends.push(record.bytes.len());
                                place = Place::FieldStart;
                            }
                            _ if is_break => {
                                record.ends.push(record.bytes.len());
                                ended = true;
                                break;
                            }
                            // As pandas does: what follows a closed quote is part of the field.
                            _ => {
                                record.bytes.push(byte);
                                place = Place::Plain;
                            }
                        }
                    }
                }
            }
            self.input.consume(used);
            if ended {
                return Ok(true);
            }
        }
    }
}
