//! A line of a text file: a word and its numbers.

use super::layout::{Separators, is_decimal_comma, is_punctuated};
use super::options::Problem;

/// What is wrong with a vector, and in words.
pub(super) type Fault = (Problem, String);

/// Reads `values.len()` numbers from the line's end, and gives the word before them.
///
/// As gensim does, it cuts white space of ASCII off the line's end (fastText ends its lines with a space) and splits
/// at single spaces, for words with other white space in them exist, U+00A0 and U+0085 for instance. Other than
/// gensim, it reads words with spaces, and a line with tabs, where spaces alone leave no word and numbers.
///
/// Numbers are rounded once, to the nearest f32. Python's `np.float32("…")`, and so gensim, rounds to f64 and then to
/// f32; where the f64 lies half-way between two f32 that can be the farther of the two, one unit in the last place
/// off.
pub(super) fn parse_line<'a>(line: &'a [u8], values: &mut [f32], separators: Separators) -> Result<&'a str, Fault> {
    let line = std::str::from_utf8(trim_end(line)).map_err(|error| {
        let problem = format!("a line must be UTF-8, and byte {} of this one is not", error.valid_up_to() + 1);
        (Problem::InvalidUtf8, problem)
    })?;
    let word = match separators {
        Separators::Space => parse_spaced(line, values).or_else(|fault| match line.contains('\t') {
            true => parse_blanks(line, values).map_err(|_| fault),
            false => Err(fault),
        }),
        Separators::Blanks => parse_blanks(line, values),
    };
    word.map_err(|fault| with_hint(fault, line, values.len()))
}

/// Fields are between single spaces.
fn parse_spaced<'a>(line: &'a str, values: &mut [f32]) -> Result<&'a str, Fault> {
    let width = values.len();
    let mut end = line.len();
    for (column, value) in values.iter_mut().enumerate().rev() {
        // In bytes: half the time of str::rsplit, and most of the time goes into parsing as it is.
        let Some(space) = line.as_bytes()[..end].iter().rposition(|&byte| byte == b' ') else {
            return Err(too_few(width, column));
        };
        *value = parse_number(&line[space + 1..end], column, width)?;
        end = space;
    }
    let word = &line[..end];
    if word.is_empty() {
        return Err((Problem::BadWord, "the word is empty".to_owned()));
    }
    check_spaces(word)?;
    Ok(word)
}

/// Fields are between spaces and tabs, as many as there may be.
fn parse_blanks<'a>(line: &'a str, values: &mut [f32]) -> Result<&'a str, Fault> {
    let width = values.len();
    let mut rest = line.trim_matches(BLANKS);
    for (column, value) in values.iter_mut().enumerate().rev() {
        let Some((before, field)) = rest.rsplit_once(BLANKS) else {
            return Err(too_few(width, column));
        };
        *value = parse_number(field, column, width)?;
        rest = before.trim_end_matches(BLANKS);
    }
    check_spaces(rest)?;
    check_tabs(rest)?;
    Ok(rest)
}

const BLANKS: [char; 2] = [' ', '\t'];

/// What a line is that holds no vector at all, and so is none of those that a header announces.
pub(super) fn blank_line(width: usize) -> Fault {
    (Problem::WrongWidth, format!("a word and {width} numbers are needed, and the line is blank"))
}

/// As [`blank_line`], where the header is awaited.
pub(super) fn blank_header() -> Fault {
    (Problem::WrongWidth, "a header, the count and the width, is needed, and the line is blank".to_owned())
}

fn too_few(width: usize, column: usize) -> Fault {
    let given = width - 1 - column;
    (Problem::WrongWidth, format!("a word and {width} numbers are needed, and there are {given}"))
}

#[inline]
fn parse_number(field: &str, column: usize, width: usize) -> Result<f32, Fault> {
    match field.parse::<f32>() {
        Ok(value) if value.is_finite() => Ok(value),
        parsed => Err(bad_number(field, column, width, parsed.is_ok())),
    }
}

#[cold]
fn bad_number(field: &str, column: usize, width: usize, is_number: bool) -> Fault {
    let (column, given) = (column + 1, quoted(field));
    if is_number {
        return (Problem::NotFinite, format!("number {column} of {width} is {given}, and must be finite in f32"));
    }
    let mut problem = format!("field {column} of {width} is {given}, and must be a number");
    if field.is_empty() {
        problem.push_str("; two spaces stand in a row there");
    } else if is_decimal_comma(field.as_bytes()) {
        problem.push_str("; decimals need a point, not a comma");
    }
    (Problem::BadNumber, problem)
}

/// Names the separators of a line that has too few fields.
fn with_hint((problem, mut message): Fault, line: &str, width: usize) -> Fault {
    if problem == Problem::WrongWidth && is_punctuated(line.as_bytes(), width) {
        message.push_str("; fields must be separated by spaces or tabs, not by commas, semicolons or bars");
    }
    (problem, message)
}

/// Whether a word with spaces in it can be told from the numbers behind it.
pub(super) fn check_spaces(word: &str) -> Result<(), Fault> {
    let Some((_, last)) = word.rsplit_once(' ') else { return Ok(()) };
    if word.split(' ').any(str::is_empty) {
        let problem = format!("the word is {}, and must have single spaces between what is not empty", quoted(word));
        return Err((Problem::BadWord, problem));
    }
    if is_number(last.as_bytes()) {
        let problem = format!("there are more numbers than the width: {} stands before them", quoted(last));
        return Err((Problem::WrongWidth, problem));
    }
    Ok(())
}

/// Whether a word can be told from the numbers behind it where tabs separate fields too: its last part must be none.
pub(super) fn check_tabs(word: &str) -> Result<(), Fault> {
    let mut parts = word.rsplit(BLANKS).filter(|part| !part.is_empty());
    match parts.next() {
        Some(last) if is_number(last.as_bytes()) && parts.next().is_some() => {
            let problem = format!("there are more numbers than the width: {} stands before them", quoted(last));
            Err((Problem::WrongWidth, problem))
        }
        _ => Ok(()),
    }
}

/// A header: two whole numbers, `count` and `width`, and nothing else.
pub(super) fn parse_header(line: &[u8]) -> Option<(u64, u64)> {
    let mut fields = std::str::from_utf8(line).ok()?.split_ascii_whitespace().map(|field| {
        // A sign parses, but no program writes one.
        field.bytes().all(|byte| byte.is_ascii_digit()).then(|| field.parse().ok()).flatten()
    });
    let header = (fields.next()??, fields.next()??);
    fields.next().is_none().then_some(header)
}

/// What Python's `bytes.rstrip` leaves.
pub(super) fn trim_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|&byte| !is_white(byte));
    &line[..end.map_or(0, |last| last + 1)]
}

/// Whether a line holds nothing but what [`trim_end`] cuts off.
pub(super) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|&byte| is_white(byte))
}

pub(super) fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

pub(super) fn is_number(field: &[u8]) -> bool {
    std::str::from_utf8(field).is_ok_and(|field| field.parse::<f32>().is_ok())
}

/// The text in quotes, cut if it is long.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 40;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}
