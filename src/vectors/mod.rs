//! Word vectors: files of them, the matrix of a vocabulary, and which words are near.
