//! A table as one tensor of a safetensors file.

use std::path::Path;

use super::write::for_each_row;
use crate::error::{Error, Result};
use crate::file::WholeFile;
use crate::safetensors::header;
use crate::storage::Storage;

/// Writes a table as one f32 tensor, `[row_count, width]`, of a safetensors file, for whoever reads those: Python's
/// `safetensors`, PyTorch, Hugging Face. Which word stands in which row goes into a file beside it, by
/// [`Vocabulary::save`].
///
/// As [`write_vectors`](super::write_vectors), it asks `rows` for some rows at a time, here all of `0..row_count`,
/// and renames the file when it is whole. Values need not be finite.
///
/// ```
/// use wgpu_embedding::vectors::{Vocabulary, write_safetensors};
/// use wgpu_embedding::{Adam, EmbeddingConfig, GpuContext, GpuEmbedding};
///
/// let directory = tempfile::tempdir().unwrap();
/// let embedding = GpuEmbedding::new(&GpuContext::auto()?, EmbeddingConfig::new(3, 8), Adam::default())?;
/// let path = directory.path().join("vectors.safetensors");
/// write_safetensors(&path, "embed_tokens.weight", 3, 8, |rows| embedding.rows(rows))?;
/// Vocabulary::from_words(["the", "of", "and"])?.save(directory.path().join("vectors.words.txt"))?;
/// # Ok::<(), wgpu_embedding::Error>(())
/// ```
///
/// # Errors
///
/// [`Error::InvalidConfig`] if the width is 0, the tensor's name is `__metadata__`, or the sizes overflow; what
/// `rows` returns; [`Error::Shape`] if it gives another number of floats; [`Error::File`].
///
/// [`Vocabulary::save`]: super::Vocabulary::save
pub fn write_safetensors<V: AsRef<[f32]>>(
    path: impl AsRef<Path>,
    tensor: &str,
    row_count: u32,
    width: usize,
    rows: impl FnMut(&[u32]) -> Result<V>,
) -> Result<()> {
    let Some(columns) = u32::try_from(width).ok().filter(|&width| width > 0) else {
        return Err(Error::InvalidConfig(format!("the width must be from 1 to {}, and is {width}", u32::MAX)));
    };
    let header = header(&[(tensor, Storage::F32, &[row_count, columns])], None)?.bytes;
    let mut file = WholeFile::create(path.as_ref())?;
    file.write(&header)?;
    for_each_row(0..row_count, width, rows, |values| file.write_floats(Storage::F32, values))?;
    file.finish()
}
