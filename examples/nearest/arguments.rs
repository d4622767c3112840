//! The command line.

use std::path::PathBuf;

use lexopt::prelude::*;
use wgpu_embedding::vectors::Format;

use crate::program::number;

/// What `--help` prints.
pub const HELP: &str = "\
Finds words near others in a file of word vectors, on the GPU, or on the CPU reference where there is no adapter.

Usage: cargo run --release --example nearest -- VECTORS WORD...
       cargo run --release --example nearest -- VECTORS --analogy KING MAN WOMAN
       cargo run --release --example nearest -- VECTORS --questions FILE

  VECTORS              GloVe text, word2vec text or binary, or fastText .vec; plain or gzip
  WORD...              the words most similar to each of these
  --analogy A B C      the words most similar to A - B + C: king - man + woman is near queen
  --questions FILE     the accuracy on analogy questions, by section: lines ': section' and 'a b c answer'; lines without
                       four words are left out and counted

  --k N                how many words to show [10]
  --format F           glove, text or binary; guessed unless given
  --width N            numbers a vector; told by the file unless given
  --limit N            read the first N vectors alone
  --skip-bad           leave out vectors that something is wrong with, and count them
  --restrict-vocab N   questions and their answers are of the first N words [300000]
  --case-sensitive     questions in upper and lower case differ
  --reference          compute on the CPU reference, even if there is a GPU
  --help               print this
";

#[derive(Debug, Clone, PartialEq)]
pub struct Arguments {
    pub vectors: PathBuf,
    pub asked: Asked,
    pub k: usize,
    pub format: Option<Format>,
    pub width: Option<usize>,
    pub limit: Option<u64>,
    pub skip_bad: bool,
    pub restrict_vocab: u32,
    pub case_sensitive: bool,
    pub reference: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    Words(Vec<String>),
    Analogy([String; 3]),
    Questions(PathBuf),
}

/// What the command line asks for.
#[derive(Debug, PartialEq)]
pub enum Command {
    Find(Arguments),
    Help,
}

/// Reads the command line.
pub fn parse(mut parser: lexopt::Parser) -> Result<Command, lexopt::Error> {
    let (mut vectors, mut words) = (None, Vec::new());
    let (mut analogy, mut questions) = (None, None);
    let (mut k, mut format, mut width, mut limit, mut restrict_vocab) = (10, None, None, None, 300_000);
    let (mut skip_bad, mut case_sensitive, mut reference) = (false, false, false);
    while let Some(argument) = parser.next()? {
        match argument {
            Value(path) if vectors.is_none() => vectors = Some(PathBuf::from(path)),
            Value(word) => words.push(word.string()?),
            Long("analogy") => {
                let mut word = || parser.value()?.string();
                analogy = Some([word()?, word()?, word()?]);
            }
            Long("questions") => questions = Some(PathBuf::from(parser.value()?)),
            Long("k") | Short('k') => k = whole_number(&mut parser, "--k", 1)?,
            Long("format") => {
                format = Some(match parser.value()?.string()?.as_str() {
                    "glove" => Format::GloveText,
                    "text" => Format::Word2vecText,
                    "binary" => Format::Word2vecBinary,
                    other => return Err(format!("--format must be glove, text or binary, and is {other:?}").into()),
                });
            }
            Long("width") => width = Some(whole_number(&mut parser, "--width", 1)?),
            Long("limit") => limit = Some(whole_number(&mut parser, "--limit", 0)?),
            Long("skip-bad") => skip_bad = true,
            Long("restrict-vocab") => restrict_vocab = whole_number(&mut parser, "--restrict-vocab", 0)?,
            Long("case-sensitive") => case_sensitive = true,
            Long("reference") => reference = true,
            Long("help") | Short('h') => return Ok(Command::Help),
            _ => return Err(argument.unexpected()),
        }
    }
    let vectors = vectors.ok_or("the file of vectors is missing")?;
    let asked = match (words.is_empty(), analogy, questions) {
        (false, None, None) => Asked::Words(words),
        (true, Some(analogy), None) => Asked::Analogy(analogy),
        (true, None, Some(questions)) => Asked::Questions(questions),
        (true, None, None) => return Err("give words, --analogy or --questions".into()),
        _ => return Err("give one of words, --analogy and --questions".into()),
    };
    Ok(Command::Find(Arguments {
        vectors,
        asked,
        k,
        format,
        width,
        limit,
        skip_bad,
        restrict_vocab,
        case_sensitive,
        reference,
    }))
}

/// The option's value, if it is such a number.
fn whole_number<T>(parser: &mut lexopt::Parser, option: &str, least: T) -> Result<T, lexopt::Error>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    number(parser, option, &format!("a whole number from {least}"), |number| *number >= least)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(arguments: &[&str]) -> Result<Command, String> {
        parse(lexopt::Parser::from_args(arguments)).map_err(|error| error.to_string())
    }

    #[test]
    fn words_analogies_and_questions() {
        let find = |arguments: &[&str]| match asked(arguments).unwrap() {
            Command::Find(arguments) => arguments,
            Command::Help => panic!("help"),
        };
        assert_eq!(find(&["v.txt", "king", "-k", "3"]).asked, Asked::Words(vec!["king".to_owned()]));
        let analogy = find(&["--analogy", "king", "man", "woman", "v.txt"]);
        assert_eq!(analogy.asked, Asked::Analogy(["king", "man", "woman"].map(str::to_owned)));
        assert_eq!(find(&["v.bin", "--questions", "q.txt"]).asked, Asked::Questions(PathBuf::from("q.txt")));
        assert_eq!(asked(&["--help"]), Ok(Command::Help));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for wrong in [
            &[][..],
            &["v.txt"],
            &["v.txt", "king", "--analogy", "a", "b", "c"],
            &["v.txt", "--analogy", "a", "b"],
            &["v.txt", "king", "--format", "csv"],
            &["v.txt", "king", "--nearest"],
        ] {
            asked(wrong).unwrap_err();
        }
    }

    #[test]
    fn a_bad_number_is_named_with_its_option() {
        for (option, value, least) in [
            ("--k", "-1", 1),
            ("--k", "many", 1),
            ("--k", "0", 1),
            ("--width", "0", 1),
            ("--limit", "-1", 0),
            ("--restrict-vocab", "4294967296", 0),
        ] {
            let error = asked(&["v.txt", "king", option, value]).unwrap_err();
            assert_eq!(error, format!("{option} must be a whole number from {least}, and is {value:?}"));
        }
        assert!(asked(&["v.txt", "king", "-k", "-1"]).unwrap_err().starts_with("--k must be"));
    }
}
