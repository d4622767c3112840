//! Labelled texts: read, and split into those to train on and those to test with.

use std::path::PathBuf;

use encoding_rs::Encoding;

use crate::encoding;
use crate::lines::lines;
use crate::program::Result;

use super::{built_in, csv_reviews};

/// In the order of their numbers; without texts of the middle one, there are two.
pub const CLASSES: [&str; 3] = ["negative", "neutral", "positive"];

/// Of each file, or of each class of a CSV file, the texts 0, 10, 20, ... are for the test, the others for training.
const TEST_EVERY: usize = 10;

/// Where the texts come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    BuiltIn { neutral: bool },
    Lines { positive: PathBuf, negative: PathBuf, neutral: Option<PathBuf> },
    Csv(PathBuf),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    pub text: String,
    /// The number of its class in [`Corpus::classes`].
    pub class: usize,
}

#[derive(Debug)]
pub struct Corpus {
    /// Two or three names.
    pub classes: Vec<&'static str>,
    pub train: Vec<Text>,
    pub test: Vec<Text>,
}

/// The texts of one class.
pub struct Class {
    pub name: &'static str,
    /// The file, for errors.
    pub file: String,
    /// Each with its number from 0, by which it is split.
    pub texts: Vec<(usize, String)>,
}

impl Corpus {
    pub fn read(source: &Source, encoding: &'static Encoding) -> Result<Self> {
        let [negative, neutral, positive] = CLASSES;
        let classes = match source {
            Source::BuiltIn { neutral } => built_in::classes(*neutral)?,
            Source::Csv(path) => csv_reviews::classes(&path.display().to_string(), encoding::open(path, encoding)?)?,
            Source::Lines { positive: positive_file, negative: negative_file, neutral: neutral_file } => {
                let files = [
                    (negative, Some(negative_file)),
                    (neutral, neutral_file.as_ref()),
                    (positive, Some(positive_file)),
                ];
                let read = |(name, file): (_, Option<&PathBuf>)| {
                    file.map(|path| {
                        Class::of_lines(name, &path.display().to_string(), &encoding::read(path, encoding)?)
                    })
                };
                files.into_iter().filter_map(read).collect::<Result<_>>()?
            }
        };
        Self::split(classes)
    }

    fn split(classes: Vec<Class>) -> Result<Self> {
        let mut corpus = Self { classes: Vec::new(), train: Vec::new(), test: Vec::new() };
        for (class, Class { name, file, texts }) in classes.into_iter().enumerate() {
            let (train, test) = (corpus.train.len(), corpus.test.len());
            corpus.classes.push(name);
            let count = texts.len();
            for (number, text) in texts {
                let set = if number % TEST_EVERY == 0 { &mut corpus.test } else { &mut corpus.train };
                set.push(Text { text, class });
            }
            if corpus.train.len() == train || corpus.test.len() == test {
                let needed = "at least one at place 1, 11, 21, ... to test with, and one at another to train on";
                return Err(format!("{file}: {count} {name} texts do not suffice: it needs {needed}").into());
            }
        }
        Ok(corpus)
    }
}

impl Class {
    pub fn of_lines(name: &'static str, file: &str, contents: &[u8]) -> Result<Self> {
        let texts = lines(file, contents)?.into_iter().map(|(number, text)| (number, text.to_owned())).collect();
        Ok(Self { name, file: file.to_owned(), texts })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use encoding_rs::{UTF_8, WINDOWS_1252};

    use super::*;

    /// Writes the files, and reads them as texts one a line.
    fn corpus(positive: &[u8], negative: &[u8], neutral: Option<&[u8]>) -> Result<Corpus, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, contents: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, contents).unwrap();
            path
        };
        let source = Source::Lines {
            positive: file("up.txt", positive),
            negative: file("down.txt", negative),
            neutral: neutral.map(|contents| file("flat.txt", contents)),
        };
        let start = format!("{}{}", folder.path().display(), std::path::MAIN_SEPARATOR);
        Corpus::read(&source, UTF_8).map_err(|error| error.to_string().replace(&start, ""))
    }

    #[test]
    fn every_tenth_line_of_each_file_is_for_the_test() {
        // Blank lines count, so they move no other line to the other side.
        let positive: String = (0..25).map(|n| if n == 3 { " \r\n".into() } else { format!("p{n}\r\n") }).collect();
        let corpus = corpus(positive.as_bytes(), b"\xef\xbb\xbfn0\nn1", None).unwrap();
        let texts = |set: &[Text], class| {
            let of_class = set.iter().filter(|text| text.class == class);
            of_class.map(|text| text.text.clone()).collect::<Vec<_>>()
        };
        assert_eq!(corpus.classes, ["negative", "positive"]);
        assert_eq!(texts(&corpus.test, 1), ["p0", "p10", "p20"]);
        assert_eq!((texts(&corpus.test, 0), texts(&corpus.train, 0)), (vec!["n0".into()], vec!["n1".into()]));
        assert_eq!(texts(&corpus.train, 1).len(), 21);
        assert_eq!(texts(&corpus.train, 1)[..4], ["p1", "p2", "p4", "p5"]);
    }

    #[test]
    fn a_neutral_file_makes_three_classes() {
        let corpus = corpus(b"good\nfine\n", b"bad\nworse\n", Some(b"so\nmiddling\n")).unwrap();
        assert_eq!(corpus.classes, CLASSES);
        let found: Vec<_> = corpus.test.iter().map(|text| (text.text.as_str(), text.class)).collect();
        assert_eq!(found, [("bad", 0), ("so", 1), ("good", 2)]);
    }

    #[test]
    fn bad_files_are_named_with_the_line() {
        let cases: [(&[u8], &[u8], &str); 5] = [
            (b"good\nfine\n", b"bad\nworse \xff\n", "down.txt:2: byte 7 of the line is not UTF-8"),
            (b"\xff\xfeg\0", b"bad\nworse\n", "up.txt:1: byte 1 of the line is not UTF-8"),
            (b"good\nfi\0ne\n", b"bad\nworse\n", "up.txt:2: byte 3 of the line is 0"),
            (b"", b"bad\nworse\n", "up.txt: 0 positive texts do not suffice"),
            (b"good\nfine\n", b"bad\n", "down.txt: 1 negative texts do not suffice"),
        ];
        for (positive, negative, start) in cases {
            let error = corpus(positive, negative, None).unwrap_err();
            assert!(error.starts_with(start), "{error}");
        }
        let error = corpus(b"good\nnot \xe0 la mode\n", b"bad\nworse\n", None).unwrap_err();
        assert!(
            error.ends_with(
                "; if the file is Windows-1252, as many older texts are, give --encoding \
                 windows-1252, or convert it: iconv -f cp1252 -t utf-8 FILE"
            ),
            "{error}"
        );
        let error = Corpus::read(&Source::Csv("no/such/file.csv".into()), UTF_8).unwrap_err().to_string();
        assert!(error.starts_with("no/such/file.csv: cannot be read: "), "{error}");
    }

    #[test]
    fn windows_1252_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reviews.csv");
        fs::write(&path, b"review,sentiment\nr\xe9ussi \x96 oui,1\nb,0\nc,1\nd,0\n").unwrap();
        let corpus = Corpus::read(&Source::Csv(path.clone()), WINDOWS_1252).unwrap();
        assert_eq!(corpus.test[1].text, "réussi – oui");
        let source = Source::Lines { positive: path.clone(), negative: path.clone(), neutral: None };
        assert_eq!(Corpus::read(&source, WINDOWS_1252).unwrap().train[0].text, "réussi – oui,1");
    }

    #[test]
    fn the_built_in_texts_are_a_few_hundred_of_each_class() {
        for neutral in [false, true] {
            let corpus = Corpus::read(&Source::BuiltIn { neutral }, UTF_8).unwrap();
            assert_eq!(corpus.classes.len(), 2 + usize::from(neutral));
            for class in 0..corpus.classes.len() {
                let count = corpus.train.iter().chain(&corpus.test).filter(|text| text.class == class).count();
                assert!(count >= 200, "{}: {count}", corpus.classes[class]);
            }
        }
    }
}
