//! Files of word vectors, and the matrix of a vocabulary.

#[path = "vectors/vocabulary.rs"]
mod vocabulary;
