//! How a file begins: its format, and its width.

use super::input::Input;
use super::options::{Format, ReadOptions};
use super::text::{self, quoted};
use crate::error::{Error, Result};
use crate::file_kind::{START_BYTES, file_kind};

/// A vector has at most as many numbers.
const MAX_WIDTH: usize = 1 << 20;

pub(super) struct Opening {
    pub format: Format,
    /// How many vectors the header says there are.
    pub declared: Option<u64>,
    pub width: usize,
}

impl Opening {
    /// Takes the header, if there is one.
    pub(super) fn read(input: &mut Input<'_>, options: &ReadOptions) -> Result<Self> {
        let format = match options.format {
            Some(format) => format,
            None => {
                let (sample, _) = input.sample()?;
                if let Some(kind) = file_kind(&sample[..sample.len().min(START_BYTES)]).filter(|_| !sample.is_empty())
                {
                    return Err(input.malformed("byte 0".to_owned(), kind.to_string()));
                }
                guess_format(sample)
            }
        };
        let (declared, width) = match format {
            Format::GloveText => (None, headless_width(input, options)?),
            Format::Word2vecText | Format::Word2vecBinary => {
                let (count, width) = read_header(input, options)?;
                (Some(count), width)
            }
        };
        Ok(Self { format, declared, width })
    }
}

/// See [`ReadOptions::format`].
fn guess_format(sample: &[u8]) -> Format {
    let mut lines = sample.splitn(2, |&byte| byte == b'\n');
    let Some((_, width)) = lines.next().and_then(text::parse_header) else { return Format::GloveText };
    let numbers = lines.next().unwrap_or_default().iter().skip_while(|&&byte| byte != b' ');
    let bytes = usize::try_from(width).unwrap_or(MAX_WIDTH).min(MAX_WIDTH) * 4;
    let text = numbers.skip(1).take(bytes).all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r'));
    if text { Format::Word2vecText } else { Format::Word2vecBinary }
}

fn headless_width(input: &mut Input<'_>, options: &ReadOptions) -> Result<usize> {
    if let Some(width) = options.width {
        return check_width(input, width as u64);
    }
    let (sample, whole) = input.sample()?;
    // A line that the window cuts off has too few numbers.
    let end = if whole { sample.len() } else { memchr::memrchr(b'\n', sample).unwrap_or(sample.len()) };
    match text::width_of(sample[..end].split(|&byte| byte == b'\n')) {
        Some(width) => check_width(input, width as u64),
        None => {
            let problem =
                "the width cannot be told, for no line has a word and numbers; give ReadOptions::with_width";
            Err(input.malformed("first lines".to_owned(), problem.to_owned()))
        }
    }
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
            Err(input.malformed("line 1".to_owned(), problem))
        }
    }
}
