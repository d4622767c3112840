//! CSV files with a header: what the examples need of each record, and errors that name file and line.

use std::collections::VecDeque;
use std::error::Error;
use std::io::{self, Cursor, Read};

use csv::{ByteRecord, ReaderBuilder};

use crate::csv_quotes::{Quote, Scanner, check};
use crate::encoding::{self, START_BYTES};
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
    mut contents: impl Read,
    columns: [Column; N],
    mut take: impl FnMut([&str; N]) -> Result<()>,
) -> Result<()> {
    let unreadable = |error: &dyn Error| format!("{file}: cannot be read: {error}");
    let mut start = Vec::new();
    (&mut contents).take(START_BYTES as u64).read_to_end(&mut start).map_err(|error| unreadable(&error))?;
    if start.starts_with(b"\xef\xbb\xbf") {
        start.drain(..3);
    }
    // Of use only where the header is none.
    let other_kind = encoding::other_kind(&start);
    let mut reader = Reader::new(Cursor::new(start).chain(contents));
    reader.next().map_err(|error| unreadable(&error))?;
    check(&reader.record, &reader.quotes, 0, &[])
        .map_err(|(line, what)| at(file, line, other_kind.as_ref().unwrap_or(&what)))?;
    let in_header = |what: String| at(file, reader.line, other_kind.as_ref().unwrap_or(&what));
    let header = texts(&reader.record).map_err(in_header)?;
    let positions = positions(&header, columns.map(|column| column.name)).map_err(in_header)?;
    let width = header.len();
    let placed: Vec<_> = positions.iter().copied().zip(columns).collect();

    while reader.next().map_err(|error| unreadable(&error))? {
        // First: a quote that is not closed makes all else wrong.
        check(&reader.record, &reader.quotes, width, &placed).map_err(|(line, what)| at(file, line, &what))?;
        let here = |what: &str| at(file, reader.line, what);
        let fields = texts(&reader.record).map_err(|what| here(&what))?;
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
            [] => {
                let is_other = header.len() == 1 && header[0].contains([';', '\t', '|', ':']);
                let remedy = if is_other { "; fields must be separated by commas" } else { "" };
                return Err(format!("the header must have {}, and lacks {name}{remedy}", names.join(",")));
            }
            _ => return Err(format!("the header must have one column {name}, and has {}", found.len())),
        };
    }
    Ok(positions)
}

fn texts(record: &ByteRecord) -> Result<Vec<&str>, String> {
    let text = |(number, field)| {
        str::from_utf8(field).map_err(|_| format!("field {} is not UTF-8; {}", number + 1, encoding::REMEDY))
    };
    record.iter().enumerate().map(text).collect()
}

/// Reads records by the `csv` crate. Finds their quotes itself, for the crate does not say where they are.
pub struct Reader<R> {
    records: csv::Reader<Kept<R>>,
    scanner: Scanner,
    pub record: ByteRecord,
    /// The line that the record begins in, from 1.
    line: u64,
    /// Those that are open over several lines.
    pub quotes: Vec<Quote>,
}

impl<R: Read> Reader<R> {
    pub fn new(input: R) -> Self {
        let records =
            ReaderBuilder::new().has_headers(false).flexible(true).from_reader(Kept(input, VecDeque::new()));
        Self { records, scanner: Scanner::default(), record: ByteRecord::new(), line: 1, quotes: Vec::new() }
    }

    /// Reads the next record, blank lines left out. Gives false at the end of the file.
    pub fn next(&mut self) -> csv::Result<bool> {
        let start = self.records.position().byte();
        let is_one = self.records.read_byte_record(&mut self.record)?;
        let length = (self.records.position().byte() - start) as usize;
        self.quotes.clear();
        self.line = self.scanner.scan(self.records.get_mut().1.drain(..length), &mut self.quotes);
        Ok(is_one)
    }
}

/// Keeps what is read, until it is drained.
struct Kept<R>(R, VecDeque<u8>);

impl<R: Read> Read for Kept<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.0.read(buffer)?;
        self.1.extend(&buffer[..length]);
        Ok(length)
    }
}
