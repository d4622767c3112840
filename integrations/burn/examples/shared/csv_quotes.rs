//! Quotes in CSV files that are not closed where they should be: they swallow the lines up to the next quote, or to the end.

use csv::ByteRecord;

use crate::csv_file::{Column, Holds};

/// A quote that is open over the end of a line.
pub struct Quote {
    /// The field that it opens, from 0.
    pub field: usize,
    /// The line that it opens in, from 1.
    pub opens: u64,
    /// The line that it closes in. None if it never closes.
    pub closes: Option<u64>,
    /// What comes after it. None at the end of the file.
    pub next: Option<u8>,
}

/// Where a byte stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    RecordStart,
    FieldStart,
    Plain,
    Quoted,
    /// After a quote within quotes: the field ends here, or has that quote.
    AfterQuote,
}

/// Finds the quotes in records, one after another.
#[derive(Default)]
pub struct Scanner {
    line_breaks: u64,
    last: Option<u8>,
}

impl Scanner {
    /// Adds the quotes of a record that are open over the end of a line, and gives the line that it begins in. Line breaks may
    /// come before it.
    pub fn scan(&mut self, bytes: impl Iterator<Item = u8>, quotes: &mut Vec<Quote>) -> u64 {
        let mut place = Place::RecordStart;
        let (mut begins, mut field, mut opens) = (0, 0, 0);
        for next in bytes.map(Some).chain([None]) {
            let line = self.line_breaks + 1;
            let is_break = matches!(next, Some(b'\r' | b'\n'));
            self.line_breaks += u64::from(is_break && (self.last, next) != (Some(b'\r'), Some(b'\n')));
            self.last = next.or(self.last);
            if place == Place::RecordStart {
                if is_break {
                    continue;
                }
                begins = line;
                place = Place::FieldStart;
            }
            place = match (place, next) {
                (Place::FieldStart, Some(b'"')) => {
                    opens = line;
                    Place::Quoted
                }
                (Place::Quoted, Some(b'"')) => Place::AfterQuote,
                (Place::Quoted, Some(_)) | (Place::AfterQuote, Some(b'"')) => Place::Quoted,
                _ => {
                    let is_closed = place == Place::AfterQuote;
                    if place == Place::Quoted || is_closed && line > opens {
                        quotes.push(Quote { field, opens, closes: is_closed.then_some(line), next });
                    }
                    let is_end = next == Some(b',');
                    field += usize::from(is_end);
                    if is_end { Place::FieldStart } else { Place::Plain }
                }
            };
        }
        begins
    }
}

/// Checks a record's quotes. `columns` are those that are read, with their positions, of `width` in all. An error has the
/// line that the quote opens in.
pub fn check(
    record: &ByteRecord,
    quotes: &[Quote],
    width: usize,
    columns: &[(usize, Column)],
) -> Result<(), (u64, String)> {
    let remedy = "close it in its own field, and write a quote that is part of a quoted text twice";
    for quote in quotes {
        let what = match (quote.closes, why(record, quote, width, columns)) {
            (None, _) => "the quote that opens here must be closed, and the file ends without".to_owned(),
            (Some(line), Some(why)) => format!("the quote that opens here closes only in line {line}, {why}"),
            (Some(_), None) => continue,
        };
        return Err((quote.opens, format!("{what}; {remedy}")));
    }
    Ok(())
}

/// Why the quote cannot be meant to close where it does.
fn why(record: &ByteRecord, quote: &Quote, width: usize, columns: &[(usize, Column)]) -> Option<String> {
    if !matches!(quote.next, None | Some(b',' | b'\r' | b'\n' | b' ' | b'\t')) {
        return Some("where a comma or the line's end must follow, and does not".to_owned());
    }
    // A field may be text that nobody reads: then a line break in it is no error.
    let column = columns.iter().find(|(position, _)| *position == quote.field).map(|(_, column)| column);
    if let Some(Column { name, holds: Holds::Checked(_) | Holds::Line }) = column {
        return Some(format!("and {name} must be in one line"));
    }
    let line = swallowed(record, quote, width, columns)?;
    Some(format!("and line {line}, between the two, reads like a record"))
}

/// The first line of a quoted text that would be a record by itself. A text may quote such a line, too; that is refused
/// rather than records lost.
fn swallowed(record: &ByteRecord, quote: &Quote, width: usize, columns: &[(usize, Column)]) -> Option<u64> {
    let field = |number| String::from_utf8_lossy(&record[number]);
    let text = field(quote.field);
    let lines: Vec<&str> = text.split('\n').flat_map(|line| line.trim_end_matches('\r').split('\r')).collect();
    let last = lines.len() - 1;
    let is_record = |number: usize| {
        let pieces: Vec<&str> = lines[number].split(',').collect();
        // Its first line begins before the quote, and its last one ends after it.
        let before: Vec<_> = (0..if number == 0 { quote.field } else { 0 }).map(field).collect();
        let after: Vec<_> =
            (if number == last { quote.field + 1 } else { record.len() }..record.len()).map(field).collect();
        let within = before.len()..before.len() + pieces.len();
        let fields: Vec<&str> =
            before.iter().map(|text| &**text).chain(pieces).chain(after.iter().map(|text| &**text)).collect();
        let mut checked = columns.iter().filter_map(|(position, column)| match column.holds {
            Holds::Checked(is_one) => Some((*position, is_one)),
            Holds::Line | Holds::Text => None,
        });
        // Of a record's fields outside of the quotes it is known that they are right: one within must be, too.
        fields.len() == width
            && checked.clone().any(|(position, _)| within.contains(&position))
            && checked.all(|(position, is_one)| is_one(fields[position].trim()))
    };
    (0..lines.len()).find(|&number| is_record(number)).map(|number| quote.opens + number as u64)
}
