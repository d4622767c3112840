//! Where the vectors go.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;

use wgpu_embedding::GpuEmbedding;
use wgpu_embedding::vectors::{Format, Vocabulary, write_vectors};

use crate::Result;

/// Writes the table's rows for these words in word2vec's own format: in binary if the file's name ends in .bin, else as
/// text; gzipped if it ends in .gz too.
pub fn save(path: &Path, words: &[String], table: &GpuEmbedding) -> Result<()> {
    let unpacked = if path.extension() == Some(OsStr::new("gz")) { path.with_extension("") } else { path.to_owned() };
    let binary = unpacked.extension() == Some(OsStr::new("bin"));
    let format = if binary { Format::Word2vecBinary } else { Format::Word2vecText };
    let vocabulary = Vocabulary::from_words(words)?;
    Ok(write_vectors(path, format, &vocabulary, table.output_dim() as usize, |rows| table.rows(rows))?)
}

/// Makes the file, unless it is there, and changes nothing in it.
pub fn check_writable(path: &Path) -> Result<()> {
    let opened = File::options().append(true).create(true).open(path);
    opened.map(|_| ()).map_err(|error| format!("{}: cannot be written: {error}", path.display()).into())
}
