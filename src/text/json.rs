//! The JSON of Keras's `Tokenizer.to_json`, written and read.

use std::io;

use indexmap::IndexMap;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};

use super::analysis::Analysis;
use super::splitter::WordSplitter;
use super::tokenizer::{Tokenizer, positions_by_id};
use crate::error::{Error, Result, quoted};
use crate::json::{self, Whole, WholeKey, WholeNumber, whole, whole_or_null};

const CLASS_NAME: &str = "Tokenizer";

#[derive(Serialize, Deserialize)]
#[serde(expecting = "an object with class_name and config")]
struct Document {
    class_name: String,
    config: Config,
}

/// In Keras's order. Its maps are JSON in strings, for their keys are not all strings.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with the Tokenizer's settings")]
struct Config {
    #[serde(deserialize_with = "whole_or_null")]
    num_words: Option<u32>,
    #[serde(deserialize_with = "Option::deserialize")] // or serde would take a missing one for null
    filters: Option<String>,
    lower: bool,
    #[serde(deserialize_with = "Option::deserialize")]
    split: Option<String>,
    char_level: bool,
    #[serde(deserialize_with = "Option::deserialize")]
    oov_token: Option<String>,
    #[serde(deserialize_with = "whole")]
    document_count: u64,
    word_counts: String,
    word_docs: String,
    index_docs: String,
    index_word: String,
    word_index: String,
}

impl Tokenizer {
    /// What Keras's `Tokenizer.to_json()` writes, to the byte; Keras's `tokenizer_from_json` reads it.
    ///
    /// In Keras the order of `word_docs` and `index_docs` is arbitrary after fitting; here words come as they were first met.
    pub fn to_json(&self) -> String {
        let WordSplitter { filters, lower, split } = self.analysis.splitter.clone();
        let index_word = InOrder(self.word_index.iter().map(|(word, id)| (id, word)));
        python_json(&Document {
            class_name: CLASS_NAME.to_owned(),
            config: Config {
                num_words: self.num_words,
                filters,
                lower,
                split,
                char_level: self.analysis.char_level,
                oov_token: self.oov_token.clone(),
                document_count: self.document_count,
                word_counts: python_json(&self.word_counts),
                word_docs: python_json(&self.word_docs),
                index_docs: python_json(&self.index_docs),
                index_word: python_json(&index_word),
                word_index: python_json(&self.word_index),
            },
        })
    }

    /// Reads what Keras's `Tokenizer.to_json()`, or [`to_json`](Self::to_json), wrote: settings, vocabulary and counts.
    ///
    /// Fitting goes on from there. (In Keras it fails at the first new word.) Whole numbers may have become floats on the
    /// way, as `1.0` or `5e3`: some programs write all numbers so.
    ///
    /// ```
    /// use wgpu_embedding::text::Tokenizer;
    ///
    /// let mut tokenizer = Tokenizer::new().with_num_words(1_000);
    /// tokenizer.fit_on_texts(["the cat saw the dog"])?;
    /// let json = tokenizer.to_json();
    /// assert!(json.starts_with(r#"{"class_name": "Tokenizer", "config": {"num_words": 1000, "filters": "#));
    /// assert_eq!(Tokenizer::from_json(&json)?, tokenizer);
    /// # Ok::<(), wgpu_embedding::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] names the field and what is wrong there. Stricter than Keras: a field that is missing, unknown
    /// or of another type, a number that is not whole, an id that is 0 or no u32 or that two words have, an `index_word`
    /// that is not `word_index` turned round, a word in `word_docs` that was not counted.
    #[doc(alias = "tokenizer_from_json")]
    pub fn from_json(json: &str) -> Result<Self> {
        // Some editors mark UTF-8 so.
        let document: Document = parse("the document", json.strip_prefix('\u{feff}').unwrap_or(json))?;
        if document.class_name != CLASS_NAME {
            let problem = format!("must be {CLASS_NAME:?}, and is {:?}", quoted(&document.class_name));
            return Err(malformed("class_name", problem));
        }
        let config = document.config;
        let word_index = numbers("config.word_index", &config.word_index)?;
        let index_word: IndexMap<WholeKey<u32>, String> = parse("config.index_word", &config.index_word)?;
        check_ids(&word_index, &index_word)?;
        let word_counts: IndexMap<String, u64> = numbers("config.word_counts", &config.word_counts)?;
        let word_docs = numbers("config.word_docs", &config.word_docs)?;
        let index_docs: IndexMap<WholeKey<u32>, Whole<u64>> = parse("config.index_docs", &config.index_docs)?;
        if let Some(word) = word_docs.keys().find(|&word| !word_counts.contains_key(word)) {
            return Err(malformed(
                "config.word_docs",
                format!("its word {:?} must be in word_counts, and is not", quoted(word)),
            ));
        }
        let Config { filters, lower, split, .. } = config;
        Ok(Self {
            num_words: config.num_words,
            oov_token: config.oov_token,
            analysis: Analysis { splitter: WordSplitter { filters, lower, split }, char_level: config.char_level },
            document_count: config.document_count,
            word_counts,
            word_docs,
            index_docs: index_docs.into_iter().map(|(id, texts)| (id.0, texts.0)).collect(),
            index_word: positions_by_id(&word_index),
            word_index,
        })
    }
}

/// Checks that ids are from 1, each one word's, and that `index_word` says the same.
fn check_ids(word_index: &IndexMap<String, u32>, index_word: &IndexMap<WholeKey<u32>, String>) -> Result<()> {
    let mut words = IndexMap::with_capacity(word_index.len());
    for (word, &id) in word_index {
        if id == 0 {
            let problem =
                format!("the id of {:?} must be at least 1, and is 0, which stands for padding", quoted(word));
            return Err(malformed("config.word_index", problem));
        }
        if let Some(other) = words.insert(id, word) {
            let (other, word) = (quoted(other), quoted(word));
            let problem = format!("each id must be one word's, and {id} is of {other:?} and of {word:?}");
            return Err(malformed("config.word_index", problem));
        }
    }
    for (WholeKey(id), word) in index_word {
        if words.get(id) != Some(&word) {
            let id_there = word_index.get(word).map_or("no id".to_owned(), u32::to_string);
            let word = quoted(word);
            let problem =
                format!("must have what word_index has, and {id} is of {word:?}, which has {id_there} there");
            return Err(malformed("config.index_word", problem));
        }
    }
    if index_word.len() != word_index.len() {
        let problem = format!("must have the {} words of word_index, and has {}", word_index.len(), index_word.len());
        return Err(malformed("config.index_word", problem));
    }
    Ok(())
}

/// A number for each word.
fn numbers<T: WholeNumber>(place: &str, json: &str) -> Result<IndexMap<String, T>> {
    let numbers: IndexMap<String, Whole<T>> = parse(place, json)?;
    Ok(numbers.into_iter().map(|(word, number)| (word, number.0)).collect())
}

fn parse<T: DeserializeOwned>(place: &str, json: &str) -> Result<T> {
    json::parse(json).map_err(|problem| malformed(place, problem))
}

fn malformed(place: &str, problem: String) -> Error {
    Error::Malformed { what: "the tokenizer's JSON".to_owned(), place: place.to_owned(), problem }
}

/// Pairs as a JSON object.
struct InOrder<I>(I);

impl<K: Serialize, V: Serialize, I: Iterator<Item = (K, V)> + Clone> Serialize for InOrder<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.clone())
    }
}

/// JSON as Python's `json.dumps` writes it.
fn python_json<T: Serialize>(value: &T) -> String {
    let mut json = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut json, PythonFormatter);
    value.serialize(&mut serializer).expect("strings and numbers, written to memory, cannot fail");
    String::from_utf8(json).expect("only ASCII is written")
}

/// Objects with a space after each comma and colon, and strings in ASCII.
struct PythonFormatter;

impl serde_json::ser::Formatter for PythonFormatter {
    fn begin_object_key<W: io::Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: io::Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        // What is below the space, and quotes and backslashes, serde_json escapes as Python does.
        let is_plain = |character: char| (' '..='~').contains(&character);
        let mut rest = fragment;
        while let Some(start) = rest.find(|character| !is_plain(character)) {
            writer.write_all(&rest.as_bytes()[..start])?;
            let end = rest[start..].find(is_plain).map_or(rest.len(), |length| start + length);
            for unit in rest[start..end].encode_utf16() {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[end..];
        }
        writer.write_all(rest.as_bytes())
    }
}
