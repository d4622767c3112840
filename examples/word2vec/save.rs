//! Vectors in word2vec's own format.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::Result;

/// Writes a line with the number of words and `dim`, then each word with its vector: in binary if the file's name
/// ends in .bin, else as text.
pub fn save(path: &Path, words: &[String], vectors: &[f32], dim: usize) -> Result<()> {
    let binary = path.extension().is_some_and(|extension| extension == "bin");
    let write = || -> std::io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        writeln!(file, "{} {dim}", words.len())?;
        for (word, vector) in words.iter().zip(vectors.chunks_exact(dim)) {
            write!(file, "{word}")?;
            if binary {
                file.write_all(b" ")?;
                vector.iter().try_for_each(|value| file.write_all(&value.to_le_bytes()))?;
            } else {
                vector.iter().try_for_each(|value| write!(file, " {value}"))?;
            }
            writeln!(file)?;
        }
        file.flush()
    };
    write().map_err(|error| format!("{}: cannot be written: {error}", path.display()).into())
}

/// Makes the file, unless it is there, and changes nothing in it.
pub fn check_writable(path: &Path) -> Result<()> {
    let opened = File::options().append(true).create(true).open(path);
    opened.map(|_| ()).map_err(|error| format!("{}: cannot be written: {error}", path.display()).into())
}
