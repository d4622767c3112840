//! The command line.

use std::path::PathBuf;

use encoding_rs::{Encoding, UTF_8};
use lexopt::prelude::*;

use crate::program::number;
use crate::{encoding, learning_rate};

/// What `--help` prints.
pub const HELP: &str = "\
Recommends items to users: matrix factorization, the prediction being the mean rating, a bias of the user, a bias of the
item, and the dot product of a row of the user's with one of the item's. Four tables train on the GPU in one Burn graph.

Usage: cargo run --release -p burn-wgpu-embedding --example recommender -- [OPTIONS]

  --ratings FILE       ratings in MovieLens's format: a CSV file with the header userId,movieId,rating,timestamp; made-up
                       ratings, whose noise is known, unless given
  --movies FILE        titles in MovieLens's format: movieId,title,genres
  --encoding NAME      of both files: utf-8, windows-1252, utf-16 or another that web pages use [utf-8]
  --user ID            whom to recommend items to; the user with the most ratings unless given
  --top K              how many, 1 to 1000 [10]
  --epochs N           passes over the training ratings [30]
  --dim N              floats a user's and an item's row, 1 to 4096 [16]
  --batch-size N       ratings a training step, 1 to 1048576 [512]
  --learning-rate R    Adam's [0.005]
  --weight-decay R     how strongly Adam draws all rows to zero, so that few ratings count little [1]
  --seed N             seeds the first rows, what is held out, and the order of the ratings [1]
  --plots DIR          write rmse.png and items.png there: the curves, and the most rated items' rows; characters that
                       the font lacks, such as Chinese ones, are drawn as boxes
  --help               print this

A tenth of the ratings is held out: it is not trained on, but tested with.
";

#[derive(Debug, Clone, PartialEq)]
pub struct Arguments {
    pub ratings: Option<PathBuf>,
    pub movies: Option<PathBuf>,
    pub encoding: &'static Encoding,
    pub user: Option<u64>,
    pub top: usize,
    pub epochs: u32,
    pub dim: u32,
    pub batch_size: usize,
    pub learning_rate: f64,
    pub weight_decay: f64,
    pub seed: u64,
    pub plots: Option<PathBuf>,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            ratings: None,
            movies: None,
            encoding: UTF_8,
            user: None,
            top: 10,
            epochs: 30,
            dim: 16,
            batch_size: 512,
            learning_rate: 0.005,
            weight_decay: 1.0,
            seed: 1,
            plots: None,
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
            Long("ratings") => arguments.ratings = Some(parser.value()?.into()),
            Long("movies") => arguments.movies = Some(parser.value()?.into()),
            Long("encoding") => arguments.encoding = encoding::option(&mut parser)?,
            Long("user") => {
                arguments.user = Some(number(&mut parser, "--user", "a user's id, a whole number from 0", |_| true)?)
            }
            Long("top") => {
                let required = "a whole number from 1 to 1000";
                arguments.top = number(&mut parser, "--top", required, |top| (1..=1000).contains(top))?;
            }
            Long("epochs") => {
                arguments.epochs = number(&mut parser, "--epochs", "a whole number from 1", |&epochs| epochs > 0)?
            }
            Long("dim") => {
                let required = "a whole number from 1 to 4096";
                arguments.dim = number(&mut parser, "--dim", required, |dim| (1..=4096).contains(dim))?;
            }
            Long("batch-size") => {
                let required = "a whole number from 1 to 1048576";
                let sensible = |size: &usize| (1..=1_048_576).contains(size);
                arguments.batch_size = number(&mut parser, "--batch-size", required, sensible)?;
            }
            Long("learning-rate") => arguments.learning_rate = learning_rate::option(&mut parser)?,
            Long("weight-decay") => {
                let sensible = |decay: &f64| (0.0..=1e6).contains(decay);
                let required = "a number from 0 to 1000000";
                arguments.weight_decay = number(&mut parser, "--weight-decay", required, sensible)?;
            }
            Long("seed") => arguments.seed = number(&mut parser, "--seed", "a whole number from 0", |_| true)?,
            Long("plots") => arguments.plots = Some(parser.value()?.into()),
            Long("help") | Short('h') => return Ok(Command::Help),
            _ => return Err(argument.unexpected()),
        }
    }
    if arguments.movies.is_some() && arguments.ratings.is_none() {
        return Err("--movies needs --ratings too".into());
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
            ratings: Some("r.csv".into()),
            movies: Some("m.csv".into()),
            encoding: encoding_rs::WINDOWS_1252,
            user: Some(u64::MAX),
            dim: 4096,
            weight_decay: 0.0,
            plots: Some("plots".into()),
            ..Arguments::default()
        };
        let line = "--ratings r.csv --movies=m.csv --encoding latin1 --user 18446744073709551615 --dim 4096 --weight-decay 0 --plots plots";
        assert_eq!(parse_line(line), Ok(Command::Train(expected)));
        assert_eq!(parse_line("--top 3 --help"), Ok(Command::Help));
    }

    #[test]
    fn bad_options_are_named() {
        let cases = [
            ("--user -1", "--user must be a user's id, a whole number from 0, and is \"-1\""),
            ("--top 0", "--top must be a whole number from 1 to 1000"),
            ("--epochs 0", "--epochs must be"),
            ("--dim 4097", "--dim must be"),
            ("--batch-size 0", "--batch-size must be"),
            ("--learning-rate 0", "--learning-rate must be"),
            ("--weight-decay nan", "--weight-decay must be"),
            ("--encoding utf", "--encoding must be utf-8, windows-1252"),
            ("--movies m.csv", "--movies needs --ratings too"),
            ("--ratings", "missing argument for option '--ratings'"),
            ("--items 3", "invalid option '--items'"),
            ("ratings.csv", "unexpected argument \"ratings.csv\""),
        ];
        for (line, start) in cases {
            let error = parse_line(line).unwrap_err();
            assert!(error.starts_with(start), "{line}: {error}");
        }
    }
}
