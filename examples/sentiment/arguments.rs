//! The command line.

use std::path::PathBuf;

use encoding_rs::{Encoding, UTF_8};
use lexopt::prelude::*;
use wgpu_embedding::Storage;

use crate::program::number;
use crate::{encoding, learning_rate};

/// What `--help` prints.
pub const HELP: &str = "\
Trains a classifier of sentences, and classifies some it has not seen: an embedding, the mean over the sentence's
words, and a linear layer with a sigmoid. It trains on the GPU, or on the CPU reference where there is no adapter.

Usage: cargo run --release --example sentiment -- [OPTIONS]

  --positive FILE      positive sentences, one a line; blank lines are skipped
  --negative FILE      negative sentences; give both files, or neither for the reviews in examples/data
  --encoding NAME      of the files: utf-8, windows-1252, utf-16 or another that web pages use [utf-8]
  --epochs N           passes over the training sentences [12]
  --learning-rate R    Adam's learning rate [0.001; 0.01 for the built-in reviews]
  --seed N             seeds the first weights and the order of the sentences [1]
  --dim N              floats a word, 1 to 4096 [64]
  --vocabulary N       one more than the words to keep, the most frequent ones; at least 2 [10000]
  --storage NAME       how the embedding's weights are kept: f32, f16 or bf16 [f32]
  --reference          train on the CPU reference, even if there is a GPU
  --help               print this

Lines 1, 11, 21, ... of each file are not trained on: they are the test.
";

/// The largest `--dim`.
const MAX_DIM: u32 = 4096;

#[derive(Debug, Clone, PartialEq)]
pub struct Arguments {
    /// The positive and the negative file; the built-in reviews unless given.
    pub files: Option<(PathBuf, PathBuf)>,
    pub encoding: &'static Encoding,
    pub epochs: u32,
    pub learning_rate: f64,
    pub seed: u64,
    pub dim: u32,
    pub vocabulary: u32,
    pub storage: Storage,
    pub reference: bool,
}

/// What the command line asks for.
#[derive(Debug, PartialEq)]
pub enum Command {
    Train(Arguments),
    Help,
}

/// Reads the command line.
pub fn parse(mut parser: lexopt::Parser) -> Result<Command, lexopt::Error> {
    let (mut positive, mut negative) = (None, None);
    let mut learning_rate = None;
    let (mut epochs, mut seed, mut dim, mut vocabulary) = (12, 1, 64, 10_000);
    let (mut reference, mut encoding, mut storage) = (false, UTF_8, Storage::F32);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("positive") => positive = Some(PathBuf::from(parser.value()?)),
            Long("negative") => negative = Some(PathBuf::from(parser.value()?)),
            Long("encoding") => encoding = encoding::option(&mut parser)?,
            Long("epochs") => {
                epochs = number(&mut parser, "--epochs", "a whole number from 1", |&epochs| epochs > 0)?
            }
            Long("learning-rate") => learning_rate = Some(learning_rate::option(&mut parser)?),
            Long("seed") => seed = number(&mut parser, "--seed", "a whole number from 0", |_| true)?,
            Long("dim") => {
                let required = "a whole number from 1 to 4096";
                dim = number(&mut parser, "--dim", required, |dim| (1..=MAX_DIM).contains(dim))?;
            }
            Long("vocabulary") => {
                vocabulary = number(&mut parser, "--vocabulary", "a whole number from 2", |&words| words >= 2)?;
            }
            Long("storage") => {
                let name = parser.value()?.string()?;
                let known = Storage::ALL.into_iter().find(|storage| storage.name() == name);
                storage = known.ok_or_else(|| format!("--storage must be f32, f16 or bf16, and is {name:?}"))?;
            }
            Long("reference") => reference = true,
            Long("help") | Short('h') => return Ok(Command::Help),
            _ => return Err(argument.unexpected()),
        }
    }
    let files = match (positive, negative) {
        (Some(positive), Some(negative)) => Some((positive, negative)),
        (None, None) => None,
        (Some(_), None) => return Err("--positive needs --negative too".into()),
        (None, Some(_)) => return Err("--negative needs --positive too".into()),
    };
    // The built-in reviews are few, so an epoch of them is few steps: let these be longer.
    let default_rate = if files.is_some() { 0.001 } else { 0.01 };
    Ok(Command::Train(Arguments {
        files,
        encoding,
        epochs,
        learning_rate: learning_rate.unwrap_or(default_rate),
        seed,
        dim,
        vocabulary,
        storage,
        reference,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_line(line: &str) -> Result<Command, String> {
        parse(lexopt::Parser::from_args(line.split_whitespace())).map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_read() {
        let Ok(Command::Train(arguments)) =
            parse_line("--positive a --negative=b --dim 7 --seed 3 --reference --encoding cp1252 --storage bf16")
        else {
            panic!("these are good");
        };
        assert_eq!(arguments.files, Some(("a".into(), "b".into())));
        assert_eq!((arguments.epochs, arguments.learning_rate), (12, 0.001));
        assert_eq!(arguments.encoding, encoding_rs::WINDOWS_1252);
        assert_eq!((arguments.dim, arguments.seed, arguments.reference), (7, 3, true));
        assert_eq!(arguments.storage, Storage::Bf16);
        assert_eq!(parse_line("--dim 4096 --help"), Ok(Command::Help));
    }

    #[test]
    fn bad_options_are_named() {
        let cases = [
            ("--epochs 0", "--epochs must be a whole number from 1, and is \"0\""),
            ("--epochs -1", "--epochs must be"),
            ("--seed 1.5", "--seed must be"),
            ("--storage f64", "--storage must be"),
            ("--dim 4097", "--dim must be a whole number from 1 to 4096"),
            ("--dim 0", "--dim must be"),
            ("--vocabulary 1", "--vocabulary must be"),
            ("--learning-rate nan", "--learning-rate must be"),
            ("--learning-rate 1e60", "--learning-rate must be"),
            ("--positive a", "--positive needs --negative too"),
            ("--negative a", "--negative needs --positive too"),
            ("--dim", "missing argument for option '--dim'"),
            ("--reference=yes", "unexpected argument for option '--reference'"),
            ("--encoding cp9", "--encoding must be utf-8, windows-1252, utf-16 or another name"),
            ("--depth 3", "invalid option '--depth'"),
            ("reviews.txt", "unexpected argument \"reviews.txt\""),
        ];
        for (line, start) in cases {
            let error = parse_line(line).unwrap_err();
            assert!(error.starts_with(start), "{line}: {error}");
        }
    }
}
