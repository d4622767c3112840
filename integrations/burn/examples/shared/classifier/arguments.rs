//! The command line, as far as the classifiers have it in common.

use std::path::PathBuf;

use encoding_rs::{Encoding, UTF_8};
use lexopt::prelude::*;

use super::corpus::Source;
use crate::program::number;
use crate::{encoding, learning_rate};

/// The part of `--help` on these options, but for their defaults.
pub const HELP: &str = "  TEXT ...             texts to classify at the end; some test texts, or some built-in ones, unless given
  --positive FILE      positive texts, one a line; blank lines are skipped; needs --negative too
  --negative FILE      negative texts; needs --positive too
  --neutral FILE       neutral texts, for three classes; needs --positive and --negative too
  --csv FILE           reviews in a CSV file with the columns review and sentiment, as IMDb's; a sentiment is positive,
                       negative or neutral, or 1 or 0
  --encoding NAME      of the files: utf-8, windows-1252, utf-16 or another that web pages use [utf-8]
  --three-classes      three classes of the built-in reviews, which are used where no file is given
  --epochs N           passes over the training texts [6]
  --batch-size N       texts a training step [64]
  --learning-rate R    Adam's [0.001; 0.01 for the built-in reviews]
  --seed N             seeds the first weights and the order of the texts; the same seed gives the same figures [1]
  --plots DIR          write loss.png, accuracy.png and words.png there: the curves, and the most frequent words' rows;
                       characters that the font lacks, such as Chinese ones, are drawn as boxes
  --help               print this

The texts 1, 11, 21, ... of each file, or of each class of a CSV file, are not trained on: they are the test.
";

#[derive(Debug, Clone, PartialEq)]
pub struct Arguments {
    pub source: Source,
    pub encoding: &'static Encoding,
    pub epochs: u32,
    pub batch_size: usize,
    pub learning_rate: f64,
    pub seed: u64,
    /// Rows of the table: one more than the words to keep.
    pub vocabulary: u32,
    /// Words a text, the last ones.
    pub length: usize,
    pub plots: Option<PathBuf>,
    pub texts: Vec<String>,
}

/// What the command line asks for, `T` being what the example makes of it.
#[derive(Debug, PartialEq)]
pub enum Command<T> {
    Train(T),
    Help,
}

impl Arguments {
    pub fn new(vocabulary: u32, length: usize) -> Self {
        Self {
            source: Source::BuiltIn { neutral: false },
            encoding: UTF_8,
            epochs: 6,
            batch_size: 64,
            learning_rate: 0.001,
            seed: 1,
            vocabulary,
            length,
            plots: None,
            texts: Vec::new(),
        }
    }

    /// Reads the command line; `own` reads an option of the example's own, and says whether it is one.
    pub fn parse(
        mut self,
        parser: &mut lexopt::Parser,
        mut own: impl FnMut(&str, &mut Self, &mut lexopt::Parser) -> Result<bool, lexopt::Error>,
    ) -> Result<Command<Self>, lexopt::Error> {
        let (mut positive, mut negative, mut neutral, mut csv) = (None, None, None, None);
        let (mut three_classes, mut learning_rate) = (false, None);
        while let Some(argument) = parser.next()? {
            match argument {
                Value(text) => self.texts.push(text.string()?),
                Long("positive") => positive = Some(PathBuf::from(parser.value()?)),
                Long("negative") => negative = Some(PathBuf::from(parser.value()?)),
                Long("neutral") => neutral = Some(PathBuf::from(parser.value()?)),
                Long("csv") => csv = Some(PathBuf::from(parser.value()?)),
                Long("encoding") => self.encoding = encoding::option(parser)?,
                Long("three-classes") => three_classes = true,
                Long("epochs") => {
                    self.epochs = number(parser, "--epochs", "a whole number from 1", |&epochs| epochs > 0)?
                }
                Long("batch-size") => self.batch_size = from_one_to(parser, "--batch-size", 1 << 16)?,
                Long("learning-rate") => learning_rate = Some(learning_rate::option(parser)?),
                Long("seed") => self.seed = number(parser, "--seed", "a whole number from 0", |_| true)?,
                Long("plots") => self.plots = Some(PathBuf::from(parser.value()?)),
                Long("help") | Short('h') => return Ok(Command::Help),
                Long(name) => {
                    let name = name.to_owned();
                    if !own(&name, &mut self, parser)? {
                        return Err(lexopt::Error::UnexpectedOption(format!("--{name}")));
                    }
                }
                _ => return Err(argument.unexpected()),
            }
        }
        self.source = match (positive, negative, neutral, csv) {
            (None, None, None, None) => Source::BuiltIn { neutral: three_classes },
            _ if three_classes => return Err("--three-classes is of the built-in reviews; give --neutral".into()),
            (None, None, None, Some(csv)) => Source::Csv(csv),
            (.., Some(_)) => return Err("--csv has all classes; give no other file".into()),
            (Some(positive), Some(negative), neutral, None) => Source::Lines { positive, negative, neutral },
            (_, None, ..) => return Err("--positive and --neutral need --negative too".into()),
            (None, ..) => return Err("--negative and --neutral need --positive too".into()),
        };
        // The built-in reviews are few, so an epoch of them is few steps: let these be longer.
        let is_built_in = matches!(self.source, Source::BuiltIn { .. });
        self.learning_rate = learning_rate.unwrap_or(if is_built_in { 0.01 } else { 0.001 });
        Ok(Command::Train(self))
    }
}

/// The option's value.
pub fn from_one_to(parser: &mut lexopt::Parser, option: &str, most: usize) -> Result<usize, lexopt::Error> {
    number(parser, option, &format!("a whole number from 1 to {most}"), |number| (1..=most).contains(number))
}

/// The option's value.
pub fn vocabulary(parser: &mut lexopt::Parser, option: &str) -> Result<u32, lexopt::Error> {
    number(parser, option, "a whole number from 2", |&words| words >= 2)
}
