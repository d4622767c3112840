//! The command line.

use std::path::PathBuf;

use encoding_rs::{Encoding, UTF_8};
use lexopt::prelude::*;
use wgpu_embedding::Update;

use crate::program::number;
use crate::{encoding, learning_rate};

/// What `--help` prints.
pub const HELP: &str = "\
Trains word vectors: skip-gram with negative sampling, as word2vec and gensim do it, in two tables that stay on the
GPU, or on the CPU reference where there is no adapter. At the end it shows the nearest words of some frequent ones.

Usage: cargo run --release --example word2vec -- [FILE] [OPTIONS]

  FILE                 text, a sentence a line, words between white space; a small made-up text unless given
  --encoding NAME      of the text: utf-8, windows-1252, utf-16 or another that web pages use; a text in another than
                       utf-8 is read whole [utf-8]
  --output FILE        write the vectors in word2vec's format: binary if FILE ends in .bin, else text
  --lower              turn the text to lower case first
  --dim N              floats a vector, 1 to 4096 [100]
  --window N           words to either side, 1 to 100; each word's own is drawn from 1 to N [5]
  --negative N         negative samples a pair, 1 to 100 [5]
  --min-count N        words met less often are left out [5]
  --sample R           words of a share above R of the text are thinned out; 0 keeps all [0.001]
  --epochs N           passes over the text [5]
  --batch N            words a training step, 32 to 1048576; a large text stands, and a large GPU needs, more [1024]
  --learning-rate R    Adam's at the start; it falls to 0 in a straight line [0.02]
  --update U           deferred: as dense Adam, all rows move at every step; lazy: the batch's rows alone [deferred]
  --seed N             seeds the first vectors and every draw; the same seed gives the same bits [1]
  --reference          train on the CPU reference, even if there is a GPU
  --help               print this
";

#[derive(Debug, Clone, PartialEq)]
pub struct Arguments {
    /// The text; the built-in one unless given.
    pub file: Option<PathBuf>,
    pub encoding: &'static Encoding,
    pub output: Option<PathBuf>,
    pub lower: bool,
    pub dim: u32,
    pub window: usize,
    pub negative: u32,
    pub min_count: u64,
    pub sample: f64,
    pub epochs: u32,
    pub batch: usize,
    pub learning_rate: f64,
    pub update: Update,
    pub seed: u64,
    pub reference: bool,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            file: None,
            encoding: UTF_8,
            output: None,
            lower: false,
            dim: 100,
            window: 5,
            negative: 5,
            min_count: 5,
            sample: 1e-3,
            epochs: 5,
            batch: 1024,
            learning_rate: 0.02,
            update: Update::Deferred,
            seed: 1,
            reference: false,
        }
    }
}

/// What the command line asks for.
#[derive(Debug, PartialEq)]
pub enum Command {
    Train(Arguments),
    Help,
}

/// Reads the command line.
pub fn parse(mut parser: lexopt::Parser) -> Result<Command, lexopt::Error> {
    let mut arguments = Arguments::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Value(file) if arguments.file.is_none() => arguments.file = Some(file.into()),
            Long("encoding") => arguments.encoding = encoding::option(&mut parser)?,
            Long("output") => arguments.output = Some(parser.value()?.into()),
            Long("lower") => arguments.lower = true,
            Long("dim") => {
                arguments.dim =
                    number(&mut parser, "--dim", "a whole number from 1 to 4096", |n| (1..=4096).contains(n))?
            }
            Long("window") => {
                let required = "a whole number from 1 to 100";
                arguments.window = number(&mut parser, "--window", required, |n| (1..=100).contains(n))?;
            }
            Long("negative") => {
                let required = "a whole number from 1 to 100";
                arguments.negative = number(&mut parser, "--negative", required, |n| (1..=100).contains(n))?;
            }
            Long("min-count") => {
                arguments.min_count = number(&mut parser, "--min-count", "a whole number from 1", |&n| n > 0)?
            }
            Long("sample") => {
                arguments.sample =
                    number(&mut parser, "--sample", "a number from 0 to 1", |n| (0.0..=1.0).contains(n))?
            }
            Long("epochs") => {
                arguments.epochs = number(&mut parser, "--epochs", "a whole number from 1", |&n| n > 0)?
            }
            Long("batch") => {
                let required = "a whole number from 32 to 1048576";
                arguments.batch = number(&mut parser, "--batch", required, |n| (32..=1_048_576).contains(n))?;
            }
            Long("learning-rate") => arguments.learning_rate = learning_rate::option(&mut parser)?,
            Long("update") => {
                let value = parser.value()?.to_string_lossy().into_owned();
                arguments.update = match value.as_str() {
                    "deferred" => Update::Deferred,
                    "lazy" => Update::Lazy,
                    _ => return Err(format!("--update must be deferred or lazy, and is {value:?}").into()),
                };
            }
            Long("seed") => arguments.seed = number(&mut parser, "--seed", "a whole number from 0", |_| true)?,
            Long("reference") => arguments.reference = true,
            Long("help") | Short('h') => return Ok(Command::Help),
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(Command::Train(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_line(line: &str) -> Result<Command, String> {
        parse(lexopt::Parser::from_args(line.split_whitespace())).map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_read() {
        assert_eq!(parse_line(""), Ok(Command::Train(Arguments::default())));
        let expected = Arguments {
            file: Some("text.txt".into()),
            output: Some("v.bin".into()),
            encoding: encoding_rs::WINDOWS_1252,
            lower: true,
            window: 100,
            sample: 0.0,
            update: Update::Lazy,
            reference: true,
            ..Arguments::default()
        };
        let line =
            "--encoding latin1 --window=100 text.txt --output v.bin --sample 0 --update lazy --lower --reference";
        assert_eq!(parse_line(line), Ok(Command::Train(expected)));
        assert_eq!(parse_line("--dim 4096 --help"), Ok(Command::Help));
    }

    #[test]
    fn bad_options_are_named() {
        let cases = [
            ("--dim 0", "--dim must be a whole number from 1 to 4096, and is \"0\""),
            ("--window 101", "--window must be a whole number from 1 to 100"),
            ("--negative 0", "--negative must be"),
            ("--min-count 0", "--min-count must be"),
            ("--sample nan", "--sample must be"),
            ("--sample -1", "--sample must be"),
            ("--epochs 0", "--epochs must be"),
            ("--batch 31", "--batch must be"),
            ("--learning-rate 1e60", "--learning-rate must be"),
            ("--update dense", "--update must be deferred or lazy, and is \"dense\""),
            ("--seed -1", "--seed must be"),
            ("--encoding utf-9", "--encoding must be utf-8, windows-1252"),
            ("--dim", "missing argument for option '--dim'"),
            ("--hs 1", "invalid option '--hs'"),
            ("a.txt b.txt", "unexpected argument \"b.txt\""),
        ];
        for (line, start) in cases {
            let error = parse_line(line).unwrap_err();
            assert!(error.starts_with(start), "{line}: {error}");
        }
    }
}
