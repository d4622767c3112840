//! Word vectors: files of them, the matrix of a vocabulary, and which words are near.
//!
//! # Files
//!
//! [`WordVectors::load`] reads GloVe text, word2vec text and binary, and fastText `.vec`, plain or gzip, and tells
//! them apart by themselves (fastText's own `.bin` is another thing, and not read). [`VectorReader`] gives one vector
//! after another, with [`ReadOptions`], progress and a [`ReadReport`], and [`embedding_matrix`] takes from it what a
//! Tokenizer's words need, so that a file of 2 million by 300 neither lies in memory as text nor as vectors that
//! nobody asked for.
//!
//! Whatever is wrong with a file is an error that names its line or byte, or a skip that is counted, where
//! [`ReadOptions::with_skip`] asks for it. A file of another kind (packed, in UTF-16, a pickle, a page of HTML and so on)
//! is named for what it is. [`WordVectors::save`], [`write_vectors`] and `write_safetensors` (with the
//! Cargo feature `files`) write files whole or not at all.
//!
//! gensim reads what is written here, and what gensim writes is read here to the same words and bits. Where the two
//! differ:
//!
//! | | here | gensim 4.4's `load_word2vec_format` |
//! |---|---|---|
//! | words with spaces, as in GloVe 840B | the fields before the last `width` | an error: `could not convert string to float` |
//! | tabs, and several spaces in a row | separate fields, where single spaces do not | part of the word, or an error |
//! | a blank line | at the end no fault; elsewhere an error, or a counted skip | an error |
//! | width of a file without header | what most of the first 32 lines have | what the first line has |
//! | a line cut off after one number | an error, or a counted skip | that number in every place |
//! | a word that comes again | an error, or a counted skip; the first stays | skipped with a warning; the first stays |
//! | NaN, infinity, numbers beyond f32 | an error, or a counted skip | taken |
//! | more vectors than the header says | an error, or a counted skip | not read |
//! | a UTF-8 byte-order mark at the start | left out | part of the first word; before a header, an error |
//! | decimal numbers | the nearest f32 | the f32 nearest to the nearest f64: rarely, one unit in the last place off |

mod binary;
mod gzip;
mod input;
mod layout;
mod matrix;
mod next;
mod opening;
mod options;
mod questions;
mod reader;
#[cfg(all(feature = "files", not(target_arch = "wasm32")))]
mod safetensors;
mod similar;
mod text;
mod vocabulary;
mod word_vectors;
mod write;

pub use matrix::{EmbeddingMatrix, MatrixOptions, VectorSource, embedding_matrix, embedding_matrix_with};
pub use options::{Format, Problem, Progress, ReadOptions, ReadReport};
pub use questions::{AnalogyOptions, AnalogyQuestions, SectionAccuracy};
pub use reader::VectorReader;
#[cfg(all(feature = "files", not(target_arch = "wasm32")))]
pub use safetensors::write_safetensors;
pub use similar::{SimilarWord, SimilarWords};
pub use vocabulary::Vocabulary;
pub use word_vectors::WordVectors;
pub use write::write_vectors;
