//! What needs no GPU: text, files of word vectors, checkpoints on the CPU reference.

#[path = "host/checkpoint.rs"]
mod checkpoint;
#[path = "host/similar.rs"]
mod similar;
#[path = "host/text.rs"]
mod text;
#[path = "host/vectors.rs"]
mod vectors;
