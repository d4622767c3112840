//! Prints what Keras's Tokenizer and pad_sequences make of a file, as JSON.
//!
//! `cargo run --release --example tokenize -- --help` lists the options, which are Keras's arguments.

mod arguments;
#[path = "../shared/encoding.rs"]
mod encoding;
#[path = "../shared/program.rs"]
mod program;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use arguments::{Arguments, Command};
use program::Result;
use serde::Serialize;
use wgpu_embedding::text::{IndexMap, pad_sequences};

#[derive(Serialize)]
struct Output<'a> {
    word_index: &'a IndexMap<String, u32>,
    word_counts: &'a IndexMap<String, u64>,
    sequences: &'a [Vec<u32>],
    padded: Vec<&'a [i64]>,
}

fn main() -> ExitCode {
    match arguments::parse(lexopt::Parser::from_env()) {
        Ok(Command::Tokenize(arguments)) => program::finish(run(*arguments)),
        Ok(Command::Help) => program::help(arguments::HELP),
        Err(error) => program::misused(&error),
    }
}

fn run(Arguments { file, encoding, mut tokenizer, padding }: Arguments) -> Result<()> {
    let name = file.display().to_string();
    let contents = encoding::read(&file, encoding)?;
    let texts = lines(&name, &contents)?;

    tokenizer.fit_on_texts(&texts)?;
    if tokenizer.word_counts().is_empty() {
        // What Keras gives is right for what comes next; nobody should wonder at it.
        let _ = writeln!(io::stderr(), "{name}: there is no word in it, so every sequence is empty");
    }
    let sequences = tokenizer.texts_to_sequences(&texts)?;
    let wide: Vec<Vec<i64>> = sequences.iter().map(|ids| ids.iter().map(|&id| id.into()).collect()).collect();
    let padded = pad_sequences(&wide, &padding)?;

    let output = Output {
        word_index: tokenizer.word_index(),
        word_counts: tokenizer.word_counts(),
        sequences: &sequences,
        padded: padded.rows().collect(),
    };
    let mut out = BufWriter::new(io::stdout().lock());
    serde_json::to_writer(&mut out, &output).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(out.flush()?)
}

/// The lines, without their newlines. A newline at the end of the file begins no further line.
fn lines<'a>(name: &str, contents: &'a [u8]) -> Result<Vec<&'a str>> {
    if contents.is_empty() {
        return Ok(Vec::new());
    }
    let lines = contents.strip_suffix(b"\n").unwrap_or(contents).split(|&byte| byte == b'\n');
    let text = |(number, line): (usize, &'a [u8])| {
        let number = number + 1;
        let text = str::from_utf8(line).map_err(|error| {
            let byte = error.valid_up_to() + 1;
            let remedy = encoding::remedy(contents);
            format!("{name}:{number}: must be UTF-8, and byte {byte} of the line is not; {remedy}")
        })?;
        match encoding::utf_16(contents).filter(|_| text.contains('\0')) {
            Some(problem) => Err(format!("{name}:{number}: {problem}").into()),
            None => Ok(text),
        }
    };
    lines.enumerate().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_newlines_alone() {
        let of = |contents: &'static [u8]| lines("f", contents).unwrap();
        assert_eq!(of(b""), [""; 0]);
        assert_eq!(of(b"\n"), [""]);
        assert_eq!(of(b"a"), ["a"]);
        assert_eq!(of(b"a\n"), ["a"]);
        assert_eq!(of(b"a\n\n"), ["a", ""]);
        assert_eq!(of("a\r\n\u{2028}\u{85}b\r".as_bytes()), ["a\r", "\u{2028}\u{85}b\r"]);
    }

    #[test]
    fn bad_utf_8_is_named_with_its_line() {
        let error = lines("f.txt", b"good\nba\xffd\n").unwrap_err().to_string();
        assert_eq!(
            error,
            "f.txt:2: must be UTF-8, and byte 3 of the line is not; if the file is Windows-1252, as many older texts \
             are, give --encoding windows-1252, or convert it: iconv -f cp1252 -t utf-8 FILE"
        );
        let error = lines("f.txt", b"\xff\xfea\0\n\0").unwrap_err().to_string();
        assert!(
            error.ends_with(
                "; the file must be UTF-8, and is UTF-16; give --encoding utf-16le, or convert it: \
                 iconv -f utf-16le -t utf-8 FILE"
            ),
            "{error}"
        );
        // All of it is UTF-8.
        let error = lines("f.txt", b"a\0 \0b\0\n\0").unwrap_err().to_string();
        assert!(
            error.starts_with("f.txt:1: the file must be UTF-8, and is UTF-16; give --encoding utf-16le"),
            "{error}"
        );
        assert_eq!(lines("f.txt", b"a\0b\n").unwrap(), ["a\0b"]);
    }
}
