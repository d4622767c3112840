//! The command line.

use crate::classifier::arguments::{self as shared, Command, from_one_to, vocabulary};

const HELP: &str = "\
Trains a classifier of texts: Embedding, Flatten, Dense with relu, Dense with a sigmoid, or with a softmax over three
classes; Keras's layers, first weights and optimizer. The embedding is this crate's, the rest Burn's, on one GPU device.

Usage: cargo run --release -p burn-wgpu-embedding --example text_classifier -- [OPTIONS] [TEXT ...]

  --vocabulary N       rows of the table: one more than the words to keep, the most frequent ones; at least 2 [10000]
  --length N           words a text, the last ones; shorter texts are padded in front; 1 to 4096 [40]
  --dim N              floats a word, 1 to 4096 [128]
";

#[derive(Debug, Clone, PartialEq)]
pub struct Arguments {
    pub shared: shared::Arguments,
    pub dim: u32,
}

pub fn help() -> String {
    format!("{HELP}{}", shared::HELP)
}

/// Reads the command line.
pub fn parse(mut parser: lexopt::Parser) -> Result<Command<Arguments>, lexopt::Error> {
    let mut dim = 128;
    let command = shared::Arguments::new(10_000, 40).parse(&mut parser, |name, shared, parser| {
        match name {
            "vocabulary" => shared.vocabulary = vocabulary(parser, "--vocabulary")?,
            "length" => shared.length = from_one_to(parser, "--length", 4096)?,
            "dim" => dim = from_one_to(parser, "--dim", 4096)? as u32,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(match command {
        Command::Train(shared) => Command::Train(Arguments { shared, dim }),
        Command::Help => Command::Help,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classifier::corpus::Source;

    fn parse_arguments(line: &[&str]) -> Result<Command<Arguments>, String> {
        parse(lexopt::Parser::from_args(line)).map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_read() {
        let Ok(Command::Train(Arguments { shared, dim })) = parse_arguments(&[
            "--positive",
            "a",
            "--negative=b",
            "--neutral",
            "c",
            "--dim",
            "7",
            "--seed",
            "3",
            "a text",
            "--length=9",
            "--plots",
            "out",
            "another",
        ]) else {
            panic!("these are good");
        };
        let lines = Source::Lines { positive: "a".into(), negative: "b".into(), neutral: Some("c".into()) };
        assert_eq!(shared.source, lines);
        assert_eq!((dim, shared.seed, shared.length, shared.vocabulary), (7, 3, 9, 10_000));
        assert_eq!(shared.texts, ["a text", "another"]);
        assert_eq!(shared.plots, Some("out".into()));
        assert_eq!(parse_arguments(&["--dim", "4096", "--help"]), Ok(Command::Help));
        let Ok(Command::Train(arguments)) = parse_arguments(&["--csv", "IMDB Dataset.csv", "--encoding", "cp1252"])
        else {
            panic!("this is good");
        };
        assert_eq!(arguments.shared.source, Source::Csv("IMDB Dataset.csv".into()));
        assert_eq!(arguments.shared.learning_rate, 0.001);
        assert_eq!(arguments.shared.encoding, encoding_rs::WINDOWS_1252);
        for (line, rate) in [(&["--three-classes"][..], 0.01), (&["--learning-rate", "0.5"], 0.5)] {
            let Ok(Command::Train(arguments)) = parse_arguments(line) else {
                panic!("{line:?} is good");
            };
            assert_eq!(arguments.shared.learning_rate, rate);
        }
    }

    #[test]
    fn bad_options_are_named() {
        let cases: [(&[&str], &str); 18] = [
            (&["--epochs", "0"], "--epochs must be a whole number from 1, and is \"0\""),
            (&["--batch-size", "0"], "--batch-size must be a whole number from 1 to 65536"),
            (&["--seed", "1.5"], "--seed must be"),
            (&["--dim", "4097"], "--dim must be a whole number from 1 to 4096"),
            (&["--vocabulary", "1"], "--vocabulary must be"),
            (&["--length", "-1"], "--length must be"),
            (&["--learning-rate", "nan"], "--learning-rate must be"),
            (&["--learning-rate", "1e60"], "--learning-rate must be"),
            (&["--positive", "a"], "--positive and --neutral need --negative too"),
            (&["--negative", "a"], "--negative and --neutral need --positive too"),
            (&["--neutral", "a"], "--positive and --neutral need --negative too"),
            (&["--csv", "a", "--positive", "b"], "--csv has all classes"),
            (&["--csv", "a", "--three-classes"], "--three-classes is of the built-in reviews"),
            (&["--encoding", "x"], "--encoding must be utf-8, windows-1252"),
            (&["--dim"], "missing argument for option '--dim'"),
            (&["--three-classes=yes"], "unexpected argument for option '--three-classes'"),
            (&["--depth", "3"], "invalid option '--depth'"),
            (&["-x"], "invalid option '-x'"),
        ];
        for (line, start) in cases {
            let error = parse_arguments(line).unwrap_err();
            assert!(error.starts_with(start), "{line:?}: {error}");
        }
    }
}
