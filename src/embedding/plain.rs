//! Weights alone, from and to safetensors files of this crate's or of anybody's.

use std::path::Path;

use super::{GpuEmbedding, Table, write};
use crate::config::WEIGHT;
use crate::error::Result;
use crate::file::WholeFile;
use crate::gpu::readback::Waiting;
use crate::safetensors::{TensorFile, header};

impl GpuEmbedding {
    /// Saves the weights, all rows up to date, as one tensor `[input_dim, output_dim]` of this name in a safetensors file:
    /// F32, or F16 or BF16 as the table [stores](crate::Storage) them. Blocks until it is on the disk. As with
    /// [`save`](Self::save) the file is there whole or not at all, and no copy of the table is made in host memory.
    ///
    /// In Python `safetensors.numpy.load_file(path)[name]` is the array, and `safetensors.torch.load_file(path)` a state
    /// dict with it.
    ///
    /// # Errors
    ///
    /// As [`save`](Self::save); [`Error::InvalidConfig`](crate::Error::InvalidConfig) for the one name that the format
    /// does not allow, `__metadata__`.
    ///
    /// ```
    /// # use wgpu_embedding::{Adam, EmbeddingConfig, Error, GpuContext, GpuEmbedding};
    /// # let context = GpuContext::auto()?;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("embedding.safetensors");
    /// # let embedding = GpuEmbedding::new(&context, EmbeddingConfig::new(10, 4), Adam::default())?;
    /// embedding.save_weights(&path, "model.embed_tokens.weight")?;
    ///
    /// let config = EmbeddingConfig::from_safetensors(&path, "model.embed_tokens.weight")?.with_trainable(false);
    /// let frozen = GpuEmbedding::new(&context, config, Adam::default())?;
    /// assert_eq!(frozen.weights()?, embedding.weights()?);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn save_weights(&self, path: impl AsRef<Path>, name: &str) -> Result<()> {
        crate::gpu::readback::block_on(|waiting| self.save_weights_with(path.as_ref(), name, waiting))
    }

    /// The async form of [`save_weights`](Self::save_weights): it yields while the GPU computes, and blocks while the file
    /// is written.
    pub async fn save_weights_async(&self, path: impl AsRef<Path>, name: &str) -> Result<()> {
        self.save_weights_with(path.as_ref(), name, Waiting::Yield).await
    }

    async fn save_weights_with(&self, path: &Path, name: &str, waiting: Waiting) -> Result<()> {
        self.check_with(waiting).await?;
        // Hugging Face's own loaders ask for a framework's name.
        let metadata = ("format", "pt".to_owned());
        let header = header(&[(name, self.storage(), &[self.input_dim(), self.output_dim()])], Some(metadata))?.bytes;
        let mut file = WholeFile::create(path)?;
        self.flush()?;
        file.write(&header)?;
        self.write_array(WEIGHT, &mut file, waiting).await?;
        file.finish()
    }

    /// Sets all weights to those of a tensor `[input_dim, output_dim]` in a safetensors file, as
    /// [`set_weights`](Self::set_weights) does: the optimizer's state and the step count stay. See
    /// [`EmbeddingConfig::from_safetensors`](crate::EmbeddingConfig::from_safetensors) for which files will do.
    ///
    /// The file is read piece by piece, into a buffer beside the table's own.
    ///
    /// # Errors
    ///
    /// [`Error::File`](crate::Error::File) if it cannot be read; [`Error::Malformed`](crate::Error::Malformed) if it is
    /// not whole, or lists the names that it has if it has no tensor of this one; [`Error::Shape`](crate::Error::Shape)
    /// for a tensor of another size; [`Error::OutOfMemory`](crate::Error::OutOfMemory). Then nothing has changed.
    pub fn load_weights(&mut self, path: impl AsRef<Path>, name: &str) -> Result<()> {
        let (input_dim, output_dim) = (self.input_dim(), self.output_dim());
        let mut rows = TensorFile::open(path.as_ref(), Some(name))?.into_table(name, input_dim, output_dim)?;
        match &mut self.table {
            Table::Reference(table) => {
                let mut table = write(table);
                let mut read = table.like(None, 0)?;
                read.set_weights(|row| rows.fill_row(row))?;
                // Flush first: pending steps belong to the old weights.
                table.flush(&self.optimizer);
                table.take_weights(read);
            }
            Table::Gpu(gpu, table) => {
                let read = table.like(gpu, None)?;
                read.write_stored(gpu, WEIGHT, |floats, storage, bytes| rows.append_row(floats, storage, bytes))?;
                // Flush first: pending steps belong to the old weights.
                table.flush(gpu)?;
                table.copy_weights_from(gpu, &read)?;
            }
        }
        Ok(())
    }
}
