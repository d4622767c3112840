//! The command line.

use std::path::PathBuf;

use encoding_rs::{Encoding, UTF_8};
use lexopt::prelude::*;
use wgpu_embedding::text::{PadOptions, Side, Tokenizer};

use crate::encoding;
use crate::program::number;

/// What `--help` prints.
pub const HELP: &str = "\
Fits Keras's Tokenizer on a file, each line a text, and prints one JSON object: word_index and word_counts, both in
Keras's order, the lines' sequences of ids, and these padded to one length.

Usage: cargo run --release --example tokenize -- FILE [OPTIONS]

Arguments of Tokenizer, with Keras's defaults:
  --num-words N        keep ids below N in sequences; 0 for all [0]
  --oov-token T        what stands for words that are left out; they are dropped without it
  --char-level         tokens are characters
  --lower true|false   put texts in lower case first [true]
  --filters S          characters that separate words, as the split does [!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~, tab, newline]
  --split S            what separates words [a space]

Arguments of pad_sequences:
  --maxlen M           the length of all padded sequences [the longest one's]
  --padding pre|post   where shorter ones are filled up [pre]
  --truncating pre|post  where longer ones are cut [pre]
  --value V            what fills them up, a whole number [0]

  --encoding NAME      of FILE: utf-8, windows-1252, utf-16 or another that web pages use [utf-8]
  --help               print this

Lines end with a newline and nothing else; a carriage return is part of its line.
";

#[derive(Debug, Clone, PartialEq)]
pub struct Arguments {
    pub file: PathBuf,
    pub encoding: &'static Encoding,
    pub tokenizer: Tokenizer,
    /// Wide enough for any id and for negative values.
    pub padding: PadOptions<i64>,
}

/// What the command line asks for.
#[derive(Debug, PartialEq)]
pub enum Command {
    Tokenize(Box<Arguments>),
    Help,
}

/// Reads the command line.
pub fn parse(mut parser: lexopt::Parser) -> Result<Command, lexopt::Error> {
    let (mut file, mut encoding) = (None, UTF_8);
    let (mut tokenizer, mut padding) = (Tokenizer::new(), PadOptions::new());
    while let Some(argument) = parser.next()? {
        match argument {
            Long("num-words") => {
                let required = "a whole number from 0 to 4294967295";
                tokenizer = tokenizer.with_num_words(number(&mut parser, "--num-words", required, |_| true)?);
            }
            Long("oov-token") => tokenizer = tokenizer.with_oov_token(parser.value()?.string()?),
            Long("char-level") => tokenizer = tokenizer.with_char_level(true),
            Long("lower") => {
                let choices = [("true", true), ("false", false)];
                tokenizer = tokenizer.with_lower(choice(&mut parser, "--lower", choices)?);
            }
            Long("filters") => tokenizer = tokenizer.with_filters(parser.value()?.string()?),
            Long("split") => tokenizer = tokenizer.with_split(parser.value()?.string()?),
            Long("maxlen") => {
                padding = padding.with_maxlen(number(&mut parser, "--maxlen", "a whole number from 0", |_| true)?);
            }
            Long("padding") => padding = padding.with_padding(side(&mut parser, "--padding")?),
            Long("truncating") => padding = padding.with_truncating(side(&mut parser, "--truncating")?),
            Long("value") => {
                padding = padding.with_value(number(&mut parser, "--value", "a whole number", |_| true)?)
            }
            Long("encoding") => encoding = encoding::option(&mut parser)?,
            Long("help") | Short('h') => return Ok(Command::Help),
            Value(path) if file.is_none() => file = Some(PathBuf::from(path)),
            _ => return Err(argument.unexpected()),
        }
    }
    let file = file.ok_or("FILE is missing: the file whose lines are the texts")?;
    Ok(Command::Tokenize(Box::new(Arguments { file, encoding, tokenizer, padding })))
}

fn side(parser: &mut lexopt::Parser, option: &str) -> Result<Side, lexopt::Error> {
    choice(parser, option, [("pre", Side::Pre), ("post", Side::Post)])
}

/// The option's value, if it is one of the two words.
fn choice<T>(parser: &mut lexopt::Parser, option: &str, choices: [(&str, T); 2]) -> Result<T, lexopt::Error> {
    let value = parser.value()?.to_string_lossy().into_owned();
    let required = format!("{} or {}", choices[0].0, choices[1].0);
    let chosen = choices.into_iter().find(|(word, _)| *word == value);
    chosen.map(|(_, choice)| choice).ok_or_else(|| format!("{option} must be {required}, and is {value:?}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_arguments(arguments: &[&str]) -> Result<Command, String> {
        parse(lexopt::Parser::from_args(arguments)).map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_read() {
        let line = "--num-words 9 --encoding cp1252 --oov-token=? f.txt --lower false --char-level --value -1 --maxlen 3 --padding post";
        let Ok(Command::Tokenize(arguments)) = parse_arguments(&line.split(' ').collect::<Vec<_>>()) else {
            panic!("these are good");
        };
        assert_eq!((arguments.file, arguments.encoding), ("f.txt".into(), encoding_rs::WINDOWS_1252));
        let tokenizer =
            Tokenizer::new().with_num_words(9).with_oov_token("?").with_lower(false).with_char_level(true);
        assert_eq!(arguments.tokenizer, tokenizer);
        assert_eq!(arguments.padding, PadOptions::new().with_value(-1).with_maxlen(3).with_padding(Side::Post));
        let Ok(Command::Tokenize(arguments)) =
            parse_arguments(&["f", "--filters", "", "--split", "\t", "--oov-token", ""])
        else {
            panic!("these are good");
        };
        assert_eq!(arguments.tokenizer, Tokenizer::new().with_filters("").with_split("\t").with_oov_token(""));
        assert_eq!(arguments.padding, PadOptions::new());
        assert_eq!(parse_arguments(&["--char-level", "--help"]), Ok(Command::Help));
    }

    #[test]
    fn bad_options_are_named() {
        let cases: [(&[&str], &str); 13] = [
            (&[], "FILE is missing"),
            (&["a", "b"], "unexpected argument \"b\""),
            (&["a", "--num-words", "-1"], "--num-words must be a whole number from 0 to 4294967295, and is \"-1\""),
            (&["a", "--num-words", "4294967296"], "--num-words must be"),
            (&["a", "--lower", "no"], "--lower must be true or false, and is \"no\""),
            (&["a", "--padding", "left"], "--padding must be pre or post, and is \"left\""),
            (&["a", "--truncating", ""], "--truncating must be pre or post"),
            (&["a", "--maxlen", "-1"], "--maxlen must be a whole number from 0"),
            (&["a", "--value", "0.5"], "--value must be a whole number, and is \"0.5\""),
            (&["a", "--char-level=no"], "unexpected argument for option '--char-level'"),
            (&["a", "--oov-token"], "missing argument for option '--oov-token'"),
            (&["a", "--encoding", ""], "--encoding must be utf-8, windows-1252, utf-16"),
            (&["a", "--depth", "3"], "invalid option '--depth'"),
        ];
        for (arguments, start) in cases {
            let error = parse_arguments(arguments).unwrap_err();
            assert!(error.starts_with(start), "{arguments:?}: {error}");
        }
    }
}
