//! Word vectors: files of them, the matrix of a vocabulary, and which words are near.

mod vocabulary;

pub use vocabulary::Vocabulary;
