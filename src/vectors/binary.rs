//! A record of a binary file: a word and the bits of its numbers.

use super::options::Problem;
use super::text::{Fault, quoted};

/// A word has at most as many bytes: without a bound, a damaged file would be one word.
pub(super) const MAX_WORD_BYTES: usize = 64 << 10;

/// Reads the numbers, four bytes each, and gives the word.
pub(super) fn parse_record<'a>(word: &'a [u8], bytes: &[u8], values: &mut [f32]) -> Result<&'a str, Fault> {
    for (value, bytes) in values.iter_mut().zip(bytes.as_chunks().0) {
        *value = f32::from_le_bytes(*bytes);
    }
    let word = std::str::from_utf8(word).map_err(|_| {
        (Problem::InvalidUtf8, format!("a word must be UTF-8, and {} is not", quoted(&String::from_utf8_lossy(word))))
    })?;
    if word.is_empty() || word.contains('\n') {
        let problem = format!("the word is {}, and must be neither empty nor hold a newline", quoted(word));
        return Err((Problem::BadWord, problem));
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(column) => {
            let (value, width, word) = (values[column], values.len(), quoted(word));
            let problem = format!("number {} of {width} of {word} is {value}, and must be finite", column + 1);
            Err((Problem::NotFinite, problem))
        }
        None => Ok(word),
    }
}
