//! Sentences with labels: read one a line, and split into those to train on and those to test with.

use std::path::Path;

use encoding_rs::Encoding;

use crate::Result;
use crate::encoding;
use crate::lines::lines;

/// The reviews in examples/data, so that the example needs no file: (name, contents), positive and negative.
const BUILT_IN: [(&str, &str); 2] = [
    ("examples/data/reviews.positive.txt", include_str!("../data/reviews.positive.txt")),
    ("examples/data/reviews.negative.txt", include_str!("../data/reviews.negative.txt")),
];

/// Of each file the lines 0, 10, 20, ... are for the test, the others for training.
const TEST_EVERY: usize = 10;

/// A line of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Sentence {
    pub text: String,
    pub positive: bool,
}

/// All sentences, the positive file's before the negative one's.
#[derive(Debug, Default)]
pub struct Corpus {
    pub train: Vec<Sentence>,
    pub test: Vec<Sentence>,
}

impl Corpus {
    /// The built-in reviews.
    pub fn built_in() -> Result<Self> {
        Self::from_contents(BUILT_IN.map(|(name, contents)| (name.to_owned(), contents.into())))
    }

    /// Two files of the user's own.
    pub fn read(positive: &Path, negative: &Path, encoding: &'static Encoding) -> Result<Self> {
        let read = |path: &Path| -> Result<_> { Ok((path.display().to_string(), encoding::read(path, encoding)?)) };
        Self::from_contents([read(positive)?, read(negative)?])
    }

    fn from_contents([positive, negative]: [(String, Vec<u8>); 2]) -> Result<Self> {
        let mut corpus = Self::default();
        for ((name, contents), positive) in [(positive, true), (negative, false)] {
            let (train, test) = (corpus.train.len(), corpus.test.len());
            for (number, text) in lines(&name, &contents)? {
                let set = if number % TEST_EVERY == 0 { &mut corpus.test } else { &mut corpus.train };
                set.push(Sentence { text: text.to_owned(), positive });
            }
            if corpus.train.len() == train || corpus.test.len() == test {
                // Where the file ends, for the line after the last newline is one too.
                let line = contents.iter().filter(|&&byte| byte == b'\n').count() + 1;
                let needed = "one sentence in line 1, 11, 21, ... to test with, and one in another to train on";
                return Err(format!("{name}:{line}: the file ends, and it needs at least {needed}").into());
            }
        }
        Ok(corpus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corpus(positive: &[u8], negative: &[u8]) -> Result<Corpus, String> {
        let file = |name: &str, contents: &[u8]| (name.to_owned(), contents.to_vec());
        Corpus::from_contents([file("up.txt", positive), file("down.txt", negative)])
            .map_err(|error| error.to_string())
    }

    #[test]
    fn every_tenth_line_of_each_file_is_for_the_test() {
        // Blank lines count, so they move no other line to the other side.
        let positive: String = (0..25).map(|n| if n == 3 { " \r\n".into() } else { format!("p{n}\r\n") }).collect();
        let corpus = corpus(positive.as_bytes(), b"\xef\xbb\xbfn0\nn1").unwrap();
        let texts = |set: &[Sentence]| set.iter().map(|sentence| sentence.text.clone()).collect::<Vec<_>>();
        assert_eq!(texts(&corpus.test), ["p0", "p10", "p20", "n0"]);
        assert_eq!(corpus.train.len(), 21 + 1);
        assert_eq!(texts(&corpus.train)[..4], ["p1", "p2", "p4", "p5"]);
        assert_eq!(corpus.train.iter().filter(|sentence| sentence.positive).count(), 21);
    }

    #[test]
    fn lines_may_end_in_carriage_returns_alone() {
        let corpus = corpus(b"p0\rp1\r", b"n0\rn1").unwrap();
        assert_eq!([&corpus.test[..], &corpus.train].concat().len(), 4);
        assert_eq!(corpus.train[0].text, "p1");
    }

    #[test]
    fn bad_files_are_named_with_the_line() {
        let cases: [(&[u8], &[u8], &str); 6] = [
            (b"good\nfine\n", b"bad\nworse \xff\n", "down.txt:2: byte 7 of the line is not UTF-8"),
            (b"\xff\xfeg\0", b"bad\nworse\n", "up.txt:1: byte 1 of the line is not UTF-8"),
            (b"good\nfi\0ne\n", b"bad\nworse\n", "up.txt:2: byte 3 of the line is 0"),
            (b"", b"bad\nworse\n", "up.txt:1: the file ends"),
            (b"good\nfine\n", b"bad\n", "down.txt:2: the file ends"),
            (b"\ngood\n", b"bad\nworse", "up.txt:3: the file ends"),
        ];
        for (positive, negative, start) in cases {
            let error = corpus(positive, negative).unwrap_err();
            assert!(error.starts_with(start), "{error}");
        }
    }

    #[test]
    fn the_built_in_reviews_are_enough() {
        let corpus = Corpus::built_in().unwrap();
        assert!(corpus.train.len() + corpus.test.len() >= 300);
    }
}
