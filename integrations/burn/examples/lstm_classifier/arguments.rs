//! The command line.

use std::path::PathBuf;

use crate::classifier::arguments::{self as shared, Command, from_one_to, vocabulary};

const HELP: &str = "\
Trains a classifier of texts: Embedding, LSTM, Dense with a sigmoid, or with a softmax over three classes; Keras's layers,
first weights and optimizer. The embedding is this crate's, the rest Burn's, on one GPU device. Its settings for IMDb are
--csv FILE --top-words 5000 --max-length 500.

Usage: cargo run --release -p burn-wgpu-embedding --example lstm_classifier -- [OPTIONS] [TEXT ...]

  --top-words N        rows of the table: one more than the words to keep, the most frequent ones; at least 2 [10000]
  --max-length N       words a text, the last ones; shorter texts are padded in front; 1 to 4096 [40]
  --dim N              floats a word, 1 to 4096; with --vectors, the file's [32]
  --units N            floats of the LSTM's state, 1 to 1024 [100]
  --vectors FILE       pretrained vectors: GloVe's, or in word2vec's or fastText's text or binary format, also as .gz;
                       the table has them and stays as it is
  --fine-tune          train the table with pretrained vectors too
  --skip-bad           leave out pretrained vectors that something is wrong with, and count them
";

#[derive(Debug, Clone, PartialEq)]
pub struct Arguments {
    pub shared: shared::Arguments,
    pub units: usize,
    pub vectors: Vectors,
}

/// Where the words' vectors come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Vectors {
    /// From training alone.
    Own { dim: u32 },
    Pretrained {
        file: PathBuf,
        fine_tune: bool,
        /// Leave out vectors that something is wrong with.
        skip_bad: bool,
    },
}

pub fn help() -> String {
    format!("{HELP}{}", shared::HELP)
}

/// Reads the command line.
pub fn parse(mut parser: lexopt::Parser) -> Result<Command<Arguments>, lexopt::Error> {
    let (mut dim, mut units, mut file, mut fine_tune, mut skip_bad) = (None, 100, None, false, false);
    let command = shared::Arguments::new(10_000, 40).parse(&mut parser, |name, shared, parser| {
        match name {
            "top-words" => shared.vocabulary = vocabulary(parser, "--top-words")?,
            "max-length" => shared.length = from_one_to(parser, "--max-length", 4096)?,
            "dim" => dim = Some(from_one_to(parser, "--dim", 4096)? as u32),
            "units" => units = from_one_to(parser, "--units", 1024)?,
            "vectors" => file = Some(PathBuf::from(parser.value()?)),
            "fine-tune" => fine_tune = true,
            "skip-bad" => skip_bad = true,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let Command::Train(shared) = command else {
        return Ok(Command::Help);
    };
    let vectors = match file {
        Some(_) if dim.is_some() => {
            return Err("--vectors has the width that --dim would set; give one of them".into());
        }
        Some(file) => Vectors::Pretrained { file, fine_tune, skip_bad },
        None if fine_tune => return Err("--fine-tune is of pretrained vectors; give --vectors FILE too".into()),
        None if skip_bad => return Err("--skip-bad is of pretrained vectors; give --vectors FILE too".into()),
        None => Vectors::Own { dim: dim.unwrap_or(32) },
    };
    Ok(Command::Train(Arguments { shared, units, vectors }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_line(line: &str) -> Result<Command<Arguments>, String> {
        parse(lexopt::Parser::from_args(line.split_whitespace())).map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_read() {
        let Ok(Command::Train(arguments)) = parse_line("--top-words 5000 --max-length=500 --units 7 --csv a.csv")
        else {
            panic!("these are good");
        };
        assert_eq!((arguments.shared.vocabulary, arguments.shared.length, arguments.units), (5000, 500, 7));
        assert_eq!(arguments.vectors, Vectors::Own { dim: 32 });
        let Ok(Command::Train(arguments)) = parse_line("--vectors glove.txt --fine-tune") else {
            panic!("these are good");
        };
        let expected = Vectors::Pretrained { file: "glove.txt".into(), fine_tune: true, skip_bad: false };
        assert_eq!(arguments.vectors, expected);
        let Ok(Command::Train(arguments)) = parse_line("--skip-bad --vectors glove.txt") else {
            panic!("these are good");
        };
        let expected = Vectors::Pretrained { file: "glove.txt".into(), fine_tune: false, skip_bad: true };
        assert_eq!(arguments.vectors, expected);
        assert_eq!(parse_line("-h"), Ok(Command::Help));
    }

    #[test]
    fn bad_options_are_named() {
        let cases = [
            ("--top-words 1", "--top-words must be a whole number from 2, and is \"1\""),
            ("--max-length 0", "--max-length must be a whole number from 1 to 4096"),
            ("--units 0", "--units must be"),
            ("--units 1025", "--units must be a whole number from 1 to 1024, and is \"1025\""),
            ("--dim x", "--dim must be"),
            ("--fine-tune", "--fine-tune is of pretrained vectors"),
            ("--skip-bad --dim 3", "--skip-bad is of pretrained vectors; give --vectors FILE too"),
            ("--vectors a --dim 3", "--vectors has the width"),
            ("--vectors", "missing argument for option '--vectors'"),
            ("--fine-tune=yes", "unexpected argument for option '--fine-tune'"),
            ("--vocabulary 7", "invalid option '--vocabulary'"),
        ];
        for (line, start) in cases {
            let error = parse_line(line).unwrap_err();
            assert!(error.starts_with(start), "{line}: {error}");
        }
    }
}
