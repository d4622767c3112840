//! The text in numbers: its vocabulary, most frequent words first, and its sentences.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::Path;

use encoding_rs::Encoding;

use crate::Result;
use crate::encoding;

/// Longer sentences are cut, as gensim's `LineSentence` does; some texts are one line.
const MAX_SENTENCE: usize = 10_000;

/// Words are numbered from 0 by falling count; of equally frequent ones, the one seen first comes first.
#[derive(Debug)]
pub struct Corpus {
    pub words: Vec<String>,
    /// How often each word is met.
    pub counts: Vec<u64>,
    /// All words of the text, also those left out of the vocabulary.
    pub raw_words: u64,
    /// The sentences one after another, without the words that the vocabulary leaves out.
    text: Vec<u32>,
    /// Where each sentence ends in `text`.
    ends: Vec<usize>,
}

impl Corpus {
    /// Reads a file, a sentence a line.
    pub fn read(path: &Path, encoding: &'static Encoding, lower: bool, min_count: u64) -> Result<Self> {
        let lines = BufReader::with_capacity(1 << 16, encoding::open(path, encoding)?);
        Self::from_lines(&path.display().to_string(), lines, lower, min_count)
    }

    /// Reads lines of UTF-8; `name` is what errors call them.
    pub fn from_lines(name: &str, mut lines: impl BufRead, lower: bool, min_count: u64) -> Result<Self> {
        let mut text = Text::default();
        let (mut line, mut start) = (Vec::new(), Vec::new());
        for number in 1.. {
            line.clear();
            let read = lines.read_until(b'\n', &mut line);
            if read.map_err(|error| format!("{name}:{number}: cannot be read: {error}"))? == 0 {
                break;
            }
            if number == 1 {
                start = line[..line.len().min(64)].to_vec();
            }
            // Some editors mark UTF-8 so.
            let line = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| number == 1).unwrap_or(&line);
            let line = str::from_utf8(line).map_err(|error| {
                let byte = error.valid_up_to() + 1;
                format!("{name}:{number}: byte {byte} of the line is not UTF-8; {}", encoding::remedy(&start))
            })?;
            if let Some(problem) = line.contains('\0').then(|| encoding::utf_16(&start)).flatten() {
                return Err(format!("{name}:{number}: {problem}").into());
            }
            if lower { text.push_line(&line.to_lowercase())? } else { text.push_line(line)? }
        }
        let corpus = text.into_corpus(min_count);
        if corpus.words.len() < 2 {
            let found = corpus.words.len();
            return Err(format!(
                "{name}: training needs at least 2 words that are met {min_count} times (--min-count), and it has {found}"
            )
            .into());
        }
        if corpus.sentences().all(|sentence| sentence.len() < 2) {
            return Err(format!("{name}: no line has 2 words of the vocabulary, so no word has a neighbour").into());
        }
        Ok(corpus)
    }

    /// The words of the vocabulary in the text, one after another, repeated as often as they are met.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// The word's number, if it is in the vocabulary.
    pub fn number(&self, word: &str) -> Option<usize> {
        self.words.iter().position(|other| other == word)
    }

    pub fn sentence_count(&self) -> usize {
        self.ends.len()
    }

    pub fn sentence(&self, number: usize) -> &[u32] {
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.text[start..self.ends[number]]
    }

    fn sentences(&self) -> impl Iterator<Item = &[u32]> {
        (0..self.sentence_count()).map(|number| self.sentence(number))
    }
}

/// Words numbered as they are first seen.
#[derive(Default)]
struct Text {
    numbers: HashMap<String, u32>,
    counts: Vec<u64>,
    text: Vec<u32>,
    sentences: Vec<Range<usize>>,
}

impl Text {
    fn push_line(&mut self, line: &str) -> Result<()> {
        let start = self.text.len();
        for word in line.split_whitespace() {
            let number = match self.numbers.get(word) {
                Some(&number) => number,
                None => {
                    // u32::MAX marks words left out.
                    let new = u32::try_from(self.counts.len()).ok().filter(|&number| number < u32::MAX);
                    let new = new.ok_or("the text has more than 4294967295 different words")?;
                    self.numbers.insert(word.to_owned(), new);
                    self.counts.push(0);
                    new
                }
            };
            self.counts[number as usize] += 1;
            self.text.push(number);
        }
        let end = self.text.len();
        self.sentences.extend((start..end).step_by(MAX_SENTENCE).map(|cut| cut..end.min(cut + MAX_SENTENCE)));
        Ok(())
    }

    fn into_corpus(self, min_count: u64) -> Corpus {
        const LEFT_OUT: u32 = u32::MAX;
        let Self { numbers, counts, mut text, sentences } = self;
        let raw_words = text.len() as u64;
        let mut kept: Vec<_> =
            numbers.into_iter().filter(|&(_, number)| counts[number as usize] >= min_count).collect();
        kept.sort_unstable_by_key(|&(_, number)| (std::cmp::Reverse(counts[number as usize]), number));
        let mut renumbered = vec![LEFT_OUT; counts.len()];
        for (new, &(_, old)) in (0..).zip(&kept) {
            renumbered[old as usize] = new;
        }
        // In place: the text may be most of the memory.
        let mut length = 0;
        let mut ends = Vec::with_capacity(sentences.len());
        for sentence in sentences {
            for position in sentence {
                let word = renumbered[text[position] as usize];
                if word != LEFT_OUT {
                    text[length] = word;
                    length += 1;
                }
            }
            ends.push(length);
        }
        text.truncate(length);
        text.shrink_to_fit();
        let counts = kept.iter().map(|&(_, old)| counts[old as usize]).collect();
        Corpus { words: kept.into_iter().map(|(word, _)| word).collect(), counts, raw_words, text, ends }
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::UTF_8;

    use super::*;

    fn corpus(text: &[u8], lower: bool, min_count: u64) -> Result<Corpus, String> {
        Corpus::from_lines("a.txt", text, lower, min_count).map_err(|error| error.to_string())
    }

    #[test]
    fn words_are_numbered_by_falling_count_and_rare_ones_excluded() {
        let corpus = corpus(b"\xef\xbb\xbfb a rare\tb\r\n\n a  c B\nc x a\xc2\xa0b", false, 2).unwrap();
        assert_eq!(corpus.words, ["b", "a", "c"]);
        assert_eq!(corpus.counts, [3, 3, 2]);
        assert_eq!(corpus.raw_words, 11);
        // A blank line is no sentence; a no-break space is white space, as in Python.
        let sentences: Vec<_> = corpus.sentences().collect();
        assert_eq!(sentences, [&[0, 1, 0][..], &[1, 2], &[2, 1, 0]]);
    }

    #[test]
    fn lower_case_is_asked_for() {
        assert_eq!(corpus("É é x x".as_bytes(), true, 2).unwrap().words, ["é", "x"]);
        assert_eq!(corpus("É é x x y y".as_bytes(), false, 2).unwrap().words, ["x", "y"]);
    }

    #[test]
    fn long_sentences_are_cut() {
        let text = "a b ".repeat(MAX_SENTENCE / 2 + 1);
        let corpus = corpus(text.as_bytes(), false, 1).unwrap();
        assert_eq!(corpus.ends, [MAX_SENTENCE, MAX_SENTENCE + 2]);
    }

    #[test]
    fn bad_texts_are_named() {
        let cases: [(&[u8], &str); 5] = [
            (b"a b\na \xff", "a.txt:2: byte 3 of the line is not UTF-8"),
            (b"", "a.txt: training needs at least 2 words that are met 2 times (--min-count), and it has 0"),
            (b"a a\na b", "a.txt: training needs at least 2 words"),
            (b"a\na\nb\nb c", "a.txt: no line has 2 words of the vocabulary"),
            (b"\xff\xfea", "a.txt:1: byte 1"),
        ];
        for (text, start) in cases {
            let error = corpus(text, false, 2).unwrap_err();
            assert!(error.starts_with(start), "{error}");
        }
        // The start of the file tells the kind, though another line is wrong.
        for (text, end) in [
            (&b"a b\na \x97 b"[..], "iconv -f cp1252 -t utf-8 FILE"),
            (
                b"\xfe\xff\0a",
                "; the file must be UTF-8, and is UTF-16; give --encoding utf-16be, or convert it: iconv -f \
                 utf-16be -t utf-8 FILE",
            ),
            (
                b"a\0b\0c\0",
                "a.txt:1: the file must be UTF-8, and is UTF-16; give --encoding utf-16le, or convert it: iconv -f \
                 utf-16le -t utf-8 FILE",
            ),
            (b"BZh91AY&SY\xff", "; this is a bzip2 file; unpack it first"),
        ] {
            let error = corpus(text, false, 1).unwrap_err();
            assert!(error.ends_with(end), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text.txt");
        std::fs::write(&path, b"caf\xe9 noir\ncaf\xe9 \x97 noir\n").unwrap();
        let corpus = Corpus::read(&path, encoding_rs::WINDOWS_1252, false, 1).unwrap();
        assert_eq!(corpus.words, ["café", "noir", "—"]);
        assert!(Corpus::read(&path, UTF_8, false, 1).unwrap_err().to_string().contains("text.txt:1: byte 4"));
        let error = Corpus::read(Path::new("no/such/file"), UTF_8, false, 1).unwrap_err().to_string();
        assert!(error.starts_with("no/such/file: cannot be read"), "{error}");
    }
}
