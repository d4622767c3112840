//! A line of a text file: a word and its numbers.

use super::options::Problem;

/// What is wrong with a vector, and in words.
pub(super) type Fault = (Problem, String);

/// Lines that are looked at to find a headless file's width.
const WIDTH_LINES: usize = 32;

/// Reads `values.len()` numbers from the line's end, and gives the word before them.
///
/// As gensim does, it cuts white space of ASCII off the line's end (fastText ends its lines with a space) and splits
/// at single spaces alone, for words with other white space in them exist, U+00A0 and U+0085 for instance. Other than
/// gensim, it reads words with spaces.
///
/// Numbers are rounded once, to the nearest f32. Python's `np.float32("…")`, and so gensim, rounds to f64 and then to
/// f32; where the f64 lies half-way between two f32 that can be the farther of the two, one unit in the last place
/// off.
pub(super) fn parse_line<'a>(line: &'a [u8], values: &mut [f32]) -> Result<&'a str, Fault> {
    let line = std::str::from_utf8(trim_end(line)).map_err(|error| {
        let problem = format!("a line must be UTF-8, and byte {} of this one is not", error.valid_up_to() + 1);
        (Problem::InvalidUtf8, problem)
    })?;
    let width = values.len();
    let mut end = line.len();
    for (column, value) in values.iter_mut().enumerate().rev() {
        // In bytes: half the time of str::rsplit, and most of the time goes into parsing as it is.
        let Some(space) = line.as_bytes()[..end].iter().rposition(|&byte| byte == b' ') else {
            let given = width - 1 - column;
            return Err((
                Problem::WrongWidth,
                format!("a word and {width} numbers are needed, and there are {given}"),
            ));
        };
        let field = &line[space + 1..end];
        *value = field.parse().map_err(|_| {
            (
                Problem::BadNumber,
                format!("field {} of {width} is {}, and must be a number", column + 1, quoted(field)),
            )
        })?;
        if !value.is_finite() {
            let problem = format!("number {} of {width} is {}, and must be finite in f32", column + 1, quoted(field));
            return Err((Problem::NotFinite, problem));
        }
        end = space;
    }
    let word = &line[..end];
    if word.is_empty() {
        return Err((Problem::BadWord, "the word is empty".to_owned()));
    }
    check_spaces(word)?;
    Ok(word)
}

/// Whether a word with spaces in it can be told from the numbers behind it.
pub(super) fn check_spaces(word: &str) -> Result<(), Fault> {
    let Some((_, last)) = word.rsplit_once(' ') else { return Ok(()) };
    if word.split(' ').any(str::is_empty) {
        let problem = format!("the word is {}, and must have single spaces between what is not empty", quoted(word));
        return Err((Problem::BadWord, problem));
    }
    if is_number(last) {
        let problem = format!("there are more numbers than the width: {} stands before them", quoted(last));
        return Err((Problem::WrongWidth, problem));
    }
    Ok(())
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

/// The width that most of the first lines have: how many numbers stand at the line's end, but for the first field,
/// which is the word. Of widths that are as frequent, the one that came first.
pub(super) fn width_of<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Option<usize> {
    // Widths and how often they came, in the order they came first.
    let mut widths: Vec<(usize, usize)> = Vec::new();
    for line in lines.take(WIDTH_LINES) {
        let line = trim_end(line);
        let numbers =
            line.rsplit(|&byte| byte == b' ').take_while(|field| std::str::from_utf8(field).is_ok_and(is_number));
        let fields = line.iter().filter(|&&byte| byte == b' ').count() + 1;
        let width = numbers.count().min(fields - 1);
        match widths.iter_mut().find(|(known, _)| *known == width) {
            Some((_, count)) => *count += 1,
            None if width > 0 => widths.push((width, 1)),
            None => {}
        }
    }
    let most = widths.iter().map(|&(_, count)| count).max()?;
    widths.into_iter().find(|&(_, count)| count == most).map(|(width, _)| width)
}

/// What Python's `bytes.rstrip` leaves.
pub(super) fn trim_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c));
    &line[..end.map_or(0, |last| last + 1)]
}

fn is_number(field: &str) -> bool {
    field.parse::<f32>().is_ok()
}

/// The text in quotes, cut if it is long.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 40;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}
