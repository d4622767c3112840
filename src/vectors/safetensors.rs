//! A table as one tensor of a safetensors file.

use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::file::WholeFile;
use super::write::for_each_row;
use crate::error::{Error, Result};

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
    let header = header(tensor, row_count, width)?;
    let mut file = WholeFile::create_plain(path.as_ref())?;
    file.write(&(header.len() as u64).to_le_bytes())?;
    file.write(&header)?;
    let mut bytes = Vec::new();
    for_each_row(0..row_count, width, rows, |values| {
        bytes.clear();
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        file.write(&bytes)
    })?;
    file.finish()
}

fn header(tensor: &str, row_count: u32, width: usize) -> Result<Vec<u8>> {
    // The key under which the format keeps its own metadata.
    if width == 0 || tensor == "__metadata__" {
        return Err(Error::InvalidConfig(format!(
            "the width must be at least 1, and is {width}; the tensor's name must not be \"__metadata__\", and is {tensor:?}"
        )));
    }
    let shape = vec![row_count as usize, width];
    let size = (row_count as usize).checked_mul(width).and_then(|count| count.checked_mul(4));
    let Some(size) = size else {
        return Err(Error::InvalidConfig(format!(
            "{row_count} rows of {width} floats are more bytes than can be counted"
        )));
    };
    let info = TensorInfo { dtype: Dtype::F32, shape, data_offsets: (0, size) };
    let metadata = Metadata::new(None, vec![(tensor.to_owned(), info)]);
    let json = metadata
        .map_err(|error| error.to_string())
        .and_then(|metadata| serde_json::to_vec(&metadata).map_err(|error| error.to_string()));
    let mut header =
        json.map_err(|reason| Error::InvalidConfig(format!("safetensors has no such tensor: {reason}")))?;
    // So that the values are aligned.
    header.resize(header.len().next_multiple_of(8), b' ');
    Ok(header)
}
