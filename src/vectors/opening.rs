//! How a file begins: its format, and its width.

use super::input::Input;
use super::layout::{self, Layout, Separators};
use super::options::{Format, ReadOptions};
use super::text::{self, quoted};
use crate::error::{Error, Result};
use crate::file_kind::{FileKind, START_BYTES, file_kind};

/// A vector has at most as many numbers.
const MAX_WIDTH: usize = 1 << 20;

/// Lines after a header that are looked at to tell text from binary.
const GUESS_LINES: usize = 32;

/// Bytes that are looked at where no line is a vector: of one short vector all may be those of text.
const GUESS_BYTES: usize = 256;

pub(super) struct Opening {
    pub format: Format,
    /// How many vectors the header says there are.
    pub declared: Option<u64>,
    pub width: usize,
    pub separators: Separators,
    /// Blank lines before the header.
    pub blank_lines: u64,
}

impl Opening {
    /// Takes the header, if there is one, and blank lines before it.
    pub(super) fn read(input: &mut Input<'_>, options: &ReadOptions) -> Result<Self> {
        let (sample, _) = input.sample()?;
        if let Some(kind) = other_kind(sample, options) {
            return Err(input.malformed("byte 0".to_owned(), kind.to_string()));
        }
        let format = options.format.unwrap_or_else(|| guess_format(sample));
        let (mut declared, mut width, mut blank_lines) = (None, options.width, 0);
        if format != Format::GloveText {
            blank_lines = take_blank_lines(input)?;
            let header = read_header(input, options)?;
            (declared, width) = (Some(header.0), Some(header.1));
        } else if let Some(width) = width {
            check_width(input, width as u64)?;
        }
        let Layout { width, separators } = match (format, width) {
            (Format::Word2vecBinary, Some(width)) => Layout { width, separators: Separators::Space },
            _ => text_layout(input, width)?,
        };
        check_width(input, width as u64)?;
        Ok(Self { format, declared, width, separators, blank_lines })
    }
}

/// What the file is, if it is no file of vectors. A vector's word may look like another kind's first bytes.
fn other_kind(sample: &[u8], options: &ReadOptions) -> Option<FileKind> {
    let may_be_empty = options.width.is_some() || options.format.is_some_and(|format| format != Format::GloveText);
    let kind = file_kind(&sample[..sample.len().min(START_BYTES)])?;
    match lines_of(sample).find(|line| !text::is_blank(line)) {
        None => (!sample.is_empty() || !may_be_empty).then_some(kind),
        // A tar archive has its first file's first line behind zeros.
        Some(line) => (line.iter().any(is_control) || !layout::is_header_or_vector(line)).then_some(kind),
    }
}

fn lines_of(sample: &[u8]) -> impl Iterator<Item = &[u8]> {
    sample.split(|&byte| byte == b'\n')
}

/// See [`ReadOptions::format`].
fn guess_format(sample: &[u8]) -> Format {
    let mut rest = sample;
    let header = loop {
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line;
        (line, rest) = (&rest[..end], rest.get(end + 1..).unwrap_or_default());
        if !text::is_blank(line) || rest.is_empty() {
            break line;
        }
    };
    let Some((_, width)) = text::parse_header(header) else { return Format::GloveText };
    let width = usize::try_from(width).unwrap_or(MAX_WIDTH).min(MAX_WIDTH);
    let lines: Vec<&[u8]> = lines_of(rest).filter(|line| !text::is_blank(line)).take(GUESS_LINES).collect();
    let vectors = lines.iter().filter(|line| layout::is_vector_line(line, width)).count();
    if vectors > 0 && vectors * 2 >= lines.len() || is_printed(rest, width) {
        Format::Word2vecText
    } else {
        Format::Word2vecBinary
    }
}

/// Whether what stands where a binary file has its first vectors looks like text, if of flawed lines: ASCII as far as
/// the line's end, and UTF-8 behind it, where the next words are.
fn is_printed(rest: &[u8], width: usize) -> bool {
    let Some(space) = memchr::memchr(b' ', rest) else { return true };
    let rest = &rest[space + 1..];
    let seen = &rest[..rest.len().min((width * 4).max(GUESS_BYTES))];
    let line_end = memchr::memchr(b'\n', seen).unwrap_or(seen.len());
    // The last character may be cut off.
    let is_utf_8 = std::str::from_utf8(seen).map_or_else(|error| error.error_len().is_none(), |_| true);
    seen[..line_end.min(width * 4)].is_ascii() && is_utf_8 && !seen.iter().any(is_control)
}

fn is_control(byte: &u8) -> bool {
    byte.is_ascii_control() && !text::is_white(*byte)
}

/// Takes blank lines, and gives how many there were.
fn take_blank_lines(input: &mut Input<'_>) -> Result<u64> {
    let mut count = 0;
    loop {
        let (sample, _) = input.sample()?;
        let is_blank = |line: &&[u8]| line.ends_with(b"\n") && text::is_blank(line);
        let lines = sample.split_inclusive(|&byte| byte == b'\n').take_while(is_blank).count();
        if lines == 0 {
            return Ok(count);
        }
        for _ in 0..lines {
            input.line()?;
        }
        count += lines as u64;
    }
}

fn text_layout(input: &mut Input<'_>, width: Option<usize>) -> Result<Layout> {
    let (sample, whole) = input.sample()?;
    // A line that the window cuts off has too few numbers.
    let end = if whole { sample.len() } else { memchr::memrchr(b'\n', sample).unwrap_or(sample.len()) };
    let layout = layout::layout(lines_of(&sample[..end]), width);
    layout.map_err(|problem| input.malformed("first lines".to_owned(), problem))
}

fn read_header(input: &mut Input<'_>, options: &ReadOptions) -> Result<(u64, usize)> {
    let line = input.line()?.unwrap_or_default();
    let Some((count, width)) = text::parse_header(line) else {
        let given = quoted(&String::from_utf8_lossy(&line[..line.len().min(200)]));
        let problem = format!("the header must be two whole numbers, the count and the width, and is {given}");
        return Err(input.malformed(input.line_place(), problem));
    };
    if let Some(required) = options.width
        && required as u64 != width
    {
        let (required, given) = (required.to_string(), format!("{width} in the file's header"));
        return Err(Error::Shape { what: "the width", required, given });
    }
    Ok((count, check_width(input, width)?))
}

fn check_width(input: &Input<'_>, width: u64) -> Result<usize> {
    match usize::try_from(width) {
        Ok(width) if (1..=MAX_WIDTH).contains(&width) => Ok(width),
        _ => {
            let problem = format!("the width must be in 1..={MAX_WIDTH}, and is {width}");
            Err(input.malformed(format!("line {}", input.lines().max(1)), problem))
        }
    }
}
