//! How the lines of a text are cut into fields, and how many numbers each has, as its first lines show.

use super::text::{is_blank, is_number, parse_header, trim_end};

/// Lines that are looked at: the first that are not blank.
const LINES: usize = 32;

/// What stands between the fields of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separators {
    /// One space. All other white space belongs to the word.
    Space,
    /// Spaces and tabs, one or more.
    Blanks,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub width: usize,
    pub separators: Separators,
}

/// A way to cut lines. The last is none that is read, and is tried to be named.
#[derive(Clone, Copy, PartialEq)]
enum Cut {
    Space,
    Blanks,
    Punctuation,
}

impl Cut {
    fn is_separator(self, byte: u8) -> bool {
        match self {
            Self::Space => byte == b' ',
            Self::Blanks => matches!(byte, b' ' | b'\t'),
            Self::Punctuation => matches!(byte, b' ' | b'\t' | b',' | b';' | b'|'),
        }
    }

    /// The line's fields from its last to its first.
    fn fields(self, line: &[u8]) -> impl Iterator<Item = &[u8]> {
        line.rsplit(move |&byte| self.is_separator(byte))
            .filter(move |field| self == Self::Space || !field.is_empty())
    }

    /// How many numbers stand at the line's end, but for its first field, which is the word.
    fn numbers(self, line: &[u8]) -> usize {
        let numbers = self.fields(line).take_while(|field| is_number(field)).count();
        numbers.min(self.fields(line).count().saturating_sub(1))
    }

    /// Whether the word of such a line is one that this cut can have left.
    fn is_sound(self, line: &[u8], numbers: usize) -> bool {
        match self {
            // Neither two spaces in a row nor a tab between a word and the space behind it.
            Self::Space => {
                let word_end = self
                    .fields(line)
                    .nth(numbers)
                    .is_some_and(|end| end.last() != Some(&b'\t') || end.iter().all(|&byte| byte == b'\t'));
                word_end && self.fields(line).all(|field| !field.is_empty())
            }
            Self::Blanks => true,
            // The word 1,000 is one.
            Self::Punctuation => self.fields(line).last().is_some_and(|word| !is_number(word)),
        }
    }
}

/// How well a cut fits the lines.
struct Fit {
    width: usize,
    /// The lines that have this width, and a word.
    lines: usize,
}

impl Fit {
    /// For this width, or for the one that most lines have; of those that are as frequent, the one that came first.
    fn new(lines: &[&[u8]], cut: Cut, width: Option<usize>) -> Self {
        let counts: Vec<usize> = lines.iter().map(|line| cut.numbers(line)).collect();
        let frequency = |width: usize| counts.iter().filter(|&&count| count == width).count();
        // The first of several maxima is the last one seen from the end.
        let most_frequent =
            || counts.iter().rev().copied().filter(|&count| count > 0).max_by_key(|&count| frequency(count));
        let width = width.or_else(most_frequent).unwrap_or(0);
        let fits = |&(line, &count): &(&&[u8], &usize)| width > 0 && count == width && cut.is_sound(line, count);
        Self { width, lines: lines.iter().zip(&counts).filter(fits).count() }
    }
}

/// Tells the layout by a text's lines, of this width where it is known. The error says what is wrong with all of them.
pub(super) fn layout<'a>(lines: impl Iterator<Item = &'a [u8]>, width: Option<usize>) -> Result<Layout, String> {
    let lines: Vec<&[u8]> = lines.filter(|line| !is_blank(line)).take(LINES).map(trim_end).collect();
    if !lines.is_empty() && lines.iter().all(|line| has_carriage_returns(line)) {
        let problem =
            "the lines end in carriage returns alone, and must end in newlines; replace the carriage returns";
        return Err(problem.to_owned());
    }
    let (space, blanks) = (Fit::new(&lines, Cut::Space, width), Fit::new(&lines, Cut::Blanks, width));
    // Single spaces unless most lines are of another kind, or lose their first number to a word with a tab in it.
    let is_other = blanks.lines > 2 * space.lines || blanks.lines >= space.lines && blanks.width > space.width;
    let (separators, fit) = if is_other { (Separators::Blanks, blanks) } else { (Separators::Space, space) };
    let decimal_commas = lines.iter().filter(|line| has_decimal_commas(line)).count();
    if decimal_commas * 2 > lines.len() && (width.is_none() || fit.lines == 0) {
        return Err("the numbers have decimal commas, and must have decimal points; replace the commas".to_owned());
    }
    let punctuation = Fit::new(&lines, Cut::Punctuation, width);
    let is_punctuated = match width {
        Some(_) => fit.lines == 0 && punctuation.lines > 0,
        None => punctuation.lines >= fit.lines.max(1) && punctuation.width > fit.width,
    };
    if is_punctuated {
        let names = [(b';', "semicolons"), (b'|', "vertical bars"), (b',', "commas")];
        let is_there = |&&(byte, _): &&(u8, &str)| lines.iter().any(|line| line.contains(&byte));
        let name = names.iter().find(is_there).map_or("other characters", |&(_, name)| name);
        let otherwise =
            if width.is_none() { ", or, where they belong to the words, give ReadOptions::with_width" } else { "" };
        return Err(format!(
            "the fields are separated by {name}, and must be by spaces or tabs; replace the {name}{otherwise}"
        ));
    }
    if fit.width == 0 {
        let problem = "the width cannot be told, for no line has a word and numbers; give ReadOptions::with_width";
        return Err(problem.to_owned());
    }
    Ok(Layout { width: fit.width, separators })
}

/// Whether a line is a header, or has numbers behind a word.
pub(super) fn is_header_or_vector(line: &[u8]) -> bool {
    let has_numbers = |cut: Cut| cut.numbers(trim_end(line)) > 0;
    let is_vector = || has_numbers(Cut::Space) || has_numbers(Cut::Blanks);
    std::str::from_utf8(line).is_ok() && (parse_header(line).is_some() || is_vector())
}

/// Whether a line has `width` numbers behind a word.
pub(super) fn is_vector_line(line: &[u8], width: usize) -> bool {
    let line = trim_end(line);
    [Cut::Space, Cut::Blanks].into_iter().any(|cut| cut.numbers(line) == width)
}

/// Whether the line would have more numbers if commas and the like separated its fields.
pub(super) fn is_punctuated(line: &[u8], width: usize) -> bool {
    Cut::Punctuation.numbers(line) >= width && Cut::Blanks.numbers(line) < width
}

/// Whether carriage returns alone separate what would be lines, with as many numbers each.
fn has_carriage_returns(line: &[u8]) -> bool {
    let mut counts = line.rsplit(|&byte| byte == b'\r').map(|part| Cut::Blanks.numbers(part));
    let last = counts.next().unwrap_or(0);
    last > 0 && counts.any(|count| count == last)
}

/// Whether the fields behind the word are numbers once commas in them are points.
fn has_decimal_commas(line: &[u8]) -> bool {
    let mut fields: Vec<&[u8]> = Cut::Blanks.fields(line).collect();
    fields.pop();
    fields.iter().any(|field| field.contains(&b','))
        && fields.iter().all(|field| is_number(field) || is_decimal_comma(field))
}

/// Whether the field is a number with a comma where a point has to be.
pub(super) fn is_decimal_comma(field: &[u8]) -> bool {
    // Behind "1," stands the next field.
    let point: Vec<u8> = field.iter().map(|&byte| if byte == b',' { b'.' } else { byte }).collect();
    field.contains(&b',') && field.last() != Some(&b',') && is_number(&point)
}
