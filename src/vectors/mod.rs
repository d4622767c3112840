//! Word vectors: files of them, the matrix of a vocabulary, and which words are near.

mod file;
mod input;
mod matrix;
mod opening;
mod options;
mod questions;
mod reader;
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
pub use safetensors::write_safetensors;
pub use similar::{SimilarWord, SimilarWords};
pub use vocabulary::Vocabulary;
pub use word_vectors::WordVectors;
pub use write::write_vectors;
