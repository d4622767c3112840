//! What is wrong with a CSV file, in words that name the file and the line.

use csv::{ErrorKind, Position};

/// Why a record cannot be read.
pub fn failed(file: &str, error: &csv::Error) -> String {
    let what = match error.kind() {
        // This is not about a line.
        ErrorKind::Io(error) => return format!("{file}: cannot be read: {error}"),
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("each record must have {expected_len} fields as the header has, and this one has {len}")
        }
        ErrorKind::Utf8 { err, .. } => format!("field {} is not UTF-8; is it a UTF-8 text file?", err.field() + 1),
        _ => error.to_string(),
    };
    at(file, error.position(), &what)
}

/// What is wrong with a record that could be read.
pub fn at(file: &str, position: Option<&Position>, what: &str) -> String {
    format!("{file}:{}: {what}", position.map_or(1, Position::line))
}
