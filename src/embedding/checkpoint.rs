//! Checkpoints: the whole table with its optimizer's state, to a file and back.

use std::io::{Read, Seek};
use std::path::Path;
use std::sync::Arc;

use super::{GpuEmbedding, Table, read, write};
use crate::checkpoint::{Checkpoint, Settings, arrays_of, shape_of};
use crate::config::{TableSpec, WEIGHT};
use crate::context::GpuContext;
use crate::error::{Error, Result};
use crate::file::WholeFile;
use crate::gpu::device::Gpu;
use crate::gpu::readback::Waiting;
use crate::gpu::table::GpuTable;
use crate::optimizer::StateArray;
use crate::reference::table::ReferenceTable;
use crate::safetensors::{Header, header};
use crate::storage::{Storage, rounding_seed};

impl GpuEmbedding {
    /// Saves weights, step count, the optimizer's state and settings, and the configuration in one file, from which
    /// [`load`](Self::load) and [`restore`](Self::restore) go on. Blocks until all of it is on the disk.
    ///
    /// **The file is there whole or not at all**: it is written under a temporary name beside its own, brought to the disk,
    /// and renamed. Whenever the process is killed, the path holds the old checkpoint or the new one; a killed process may
    /// leave its temporary file, `.NAME.XXXXXX.partial`, which can be removed. Piece by piece, so that no copy of the table
    /// is made in host memory.
    ///
    /// **A run that goes on from the file has the very bits of one that saved there and went on by itself.** Saving brings
    /// the rows of a table with [`Update::Deferred`](crate::Update::Deferred) up to date and forgets what it remembered of
    /// earlier steps; that changes last bits of what follows (see [`flush`](Self::flush)), so a run that has not saved at
    /// that step may differ in them. For the same reason it takes `&mut self`. Submit recorded updates before.
    ///
    /// The format is [safetensors](https://github.com/huggingface/safetensors), so other programs can read it: a tensor
    /// `weight` and, unless the table is frozen, one for each array of
    /// [`Optimizer::state`](crate::Optimizer::state) under its name, such as Adam's `exp_avg`. The weights are F32, F16 or
    /// BF16, as the table stores them, and the state is F32, each `[input_dim, output_dim]` or, of an array with a number a
    /// row, `[input_dim]`. In the metadata is one JSON text with everything else.
    ///
    /// # Errors
    ///
    /// [`Error::File`] says what could not be written; then the path holds what it held before, and the temporary file is
    /// gone, unless it was the folder's own sync that failed, after the rename; the rows were brought up to date all the
    /// same. [`Error::GpuIndicesOutOfRange`],
    /// [`Error::DroppedSteps`] and [`Error::Device`] as for [`weights`](Self::weights).
    ///
    /// ```
    /// # use wgpu_embedding::{Adam, EmbeddingConfig, Error, GpuContext, GpuEmbedding};
    /// # let context = GpuContext::auto()?;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("embedding.safetensors");
    /// let mut embedding = GpuEmbedding::new(&context, EmbeddingConfig::new(10, 4), Adam::default())?;
    /// let batch = embedding.batch(&[1, 2, 3])?;
    /// embedding.update(&batch, &[0.5; 12])?;
    /// embedding.save(&path)?;
    ///
    /// let mut resumed = GpuEmbedding::load(&context, &path)?;
    /// assert_eq!(resumed.step_count(), 1);
    /// for table in [&mut embedding, &mut resumed] {
    ///     table.update(&batch, &[0.25; 12])?; // a batch serves all tables of its size on its context
    /// }
    /// assert_eq!(resumed.weights()?, embedding.weights()?);
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "state_dict")]
    pub fn save(&mut self, path: impl AsRef<Path>) -> Result<()> {
        crate::gpu::readback::block_on(|waiting| self.save_with(path.as_ref(), waiting))
    }

    /// The async form of [`save`](Self::save): it yields while the GPU computes, and blocks while the file is written.
    pub async fn save_async(&mut self, path: impl AsRef<Path>) -> Result<()> {
        self.save_with(path.as_ref(), Waiting::Yield).await
    }

    async fn save_with(&mut self, path: &Path, waiting: Waiting) -> Result<()> {
        self.check_with(waiting).await?;
        let arrays = arrays_of(self.trainable(), &self.optimizer);
        let shapes: Vec<_> =
            arrays.iter().map(|array| shape_of(array, self.input_dim(), self.output_dim())).collect();
        let storage = |name| if name == WEIGHT { self.storage() } else { Storage::F32 };
        let tensors: Vec<_> =
            arrays.iter().zip(&shapes).map(|(array, shape)| (array.name, storage(array.name), &shape[..])).collect();
        let settings = Settings { step: self.step_count, table: self.spec().clone(), optimizer: self.optimizer };
        let header = header(&tensors, Some(settings.to_metadata()?))?;
        let mut file = WholeFile::create(path)?;
        match &mut self.table {
            Table::Gpu(gpu, table) => {
                let restart = table.prepare_restart(gpu, &self.optimizer, self.step_count)?;
                table.flush(gpu)?;
                table.restart(gpu, restart)?;
            }
            Table::Reference(table) => {
                let mut table = write(table);
                table.flush(&self.optimizer);
                table.restart(&self.optimizer, self.step_count)?;
            }
        }
        file.write(&header.bytes)?;
        self.write_array(WEIGHT, &mut file, waiting).await?;
        match &self.table {
            Table::Reference(_) => {
                for array in &arrays[1..] {
                    self.write_array(array.name, &mut file, waiting).await?;
                }
            }
            Table::Gpu(gpu, table) => Self::write_records(gpu, table, &header, &arrays, &mut file, waiting).await?,
        }
        file.finish()
    }

    /// Writes the optimizer's state, each piece to its place in the file, so that the GPU's memory is read once.
    async fn write_records(
        gpu: &Gpu,
        table: &GpuTable,
        header: &Header,
        arrays: &[StateArray],
        file: &mut WholeFile,
        waiting: Waiting,
    ) -> Result<()> {
        table
            .read_state(gpu, waiting, |name, rows, bytes| {
                let number = arrays.iter().position(|array| array.name == name).expect("an array of the checkpoint");
                let row_bytes = (bytes.len() / rows.len()) as u64;
                file.go_to(header.starts[number] + u64::from(rows.start) * row_bytes)?;
                file.write(bytes)
            })
            .await
    }

    /// Writes an array of the table; rows must be up to date.
    pub(super) async fn write_array(&self, name: &str, file: &mut WholeFile, waiting: Waiting) -> Result<()> {
        match &self.table {
            Table::Gpu(gpu, table) => table.read_bytes(gpu, name, waiting, |bytes| file.write(bytes)).await,
            Table::Reference(table) => {
                let storage = if name == WEIGHT { self.storage() } else { Storage::F32 };
                file.write_floats(storage, read(table).array(name).expect("one of its arrays"))
            }
        }
    }

    /// Makes a table of what [`save`](Self::save) wrote, on any context: everything about it comes from the file, the optimizer's
    /// settings with the last learning rate too. The file is read piece by piece.
    ///
    /// For the weights alone, of this file or of any other, see
    /// [`EmbeddingConfig::from_safetensors`](crate::EmbeddingConfig::from_safetensors).
    ///
    /// # Errors
    ///
    /// [`Error::File`] if it cannot be read; [`Error::Malformed`] says where it is not a whole checkpoint that this version
    /// reads, before anything of the table's size is allocated; otherwise as [`new`](Self::new).
    pub fn load(context: &GpuContext, path: impl AsRef<Path>) -> Result<Self> {
        let mut checkpoint = Checkpoint::open(path.as_ref())?;
        let config = checkpoint.config.clone();
        let Settings { step, optimizer, .. } = checkpoint.settings;
        let mut weights = checkpoint.rows(WEIGHT)?;
        let mut embedding = Self::with_rows(context, &config, optimizer, |row| weights.fill_row(row))?;
        match &mut embedding.table {
            Table::Reference(table) => {
                let mut table = write(table);
                read_state(&mut checkpoint, &mut table, config.input_dim)?;
                table.restart(&optimizer, step)?;
            }
            Table::Gpu(gpu, table) => {
                table.write_state(gpu, step as u32, |name, rows, values| checkpoint.read_rows(name, rows, values))?;
                let restart = table.prepare_restart(gpu, &optimizer, step)?;
                table.restart(gpu, restart)?;
            }
        }
        embedding.step_count = step;
        embedding.maker.spec = Arc::new(checkpoint.settings.table);
        Ok(embedding)
    }

    /// Takes over what [`save`](Self::save) wrote: weights, the optimizer's state and settings, step count and seed. Batches and
    /// streams made before still serve, and the table stays in the same GPU buffers.
    ///
    /// The checkpoint must be of the same configuration: size, `storage`, `rounding`, `trainable`, `mask_zero`, `padding_idx`,
    /// `input_length`, and the optimizer, its `update` and what it keeps. Its other settings may differ, and are the file's from
    /// then on. How the table is split over buffers, and where it lives, is not part of it.
    ///
    /// The file is first read whole into buffers beside the table's own, which takes their memory once more until it is
    /// done: [`load`](Self::load) after dropping the table does not. Submit recorded updates before.
    ///
    /// # Errors
    ///
    /// [`Error::CheckpointMismatch`] lists all that differs; [`Error::File`] and [`Error::Malformed`] as for
    /// [`load`](Self::load); [`Error::OutOfMemory`]. After any of them the table is unchanged, and goes on as if nothing
    /// had been asked.
    #[doc(alias = "load_state_dict")]
    pub fn restore(&mut self, path: impl AsRef<Path>) -> Result<()> {
        self.restore_from(Checkpoint::open(path.as_ref())?)
    }

    fn restore_from<R: Read + Seek>(&mut self, mut checkpoint: Checkpoint<R>) -> Result<()> {
        self.check_same(&checkpoint)?;
        let Settings { step, optimizer, .. } = checkpoint.settings;
        let kept = self.trainable().then_some(&optimizer);
        let input_dim = self.input_dim();
        let rounding_seed = rounding_seed(checkpoint.settings.table.seed);
        match &mut self.table {
            Table::Reference(table) => {
                let mut table = write(table);
                let mut read = table.like(kept, step)?;
                let mut weights = checkpoint.rows(WEIGHT)?;
                read.set_weights(|row| weights.fill_row(row))?;
                read_state(&mut checkpoint, &mut read, input_dim)?;
                read.set_seed(rounding_seed);
                *table = read;
            }
            Table::Gpu(gpu, table) => {
                let read = table.like(gpu, kept)?;
                let mut weights = checkpoint.rows(WEIGHT)?;
                read.write_stored(gpu, WEIGHT, |floats, storage, bytes| weights.append_row(floats, storage, bytes))?;
                read.write_state(gpu, step as u32, |name, rows, values| checkpoint.read_rows(name, rows, values))?;
                let restart = table.prepare_restart(gpu, &optimizer, step)?;
                let places = table.prepare_seed(gpu, rounding_seed)?;
                table.copy_from(gpu, &read)?;
                table.set_seed(places);
                table.restart(gpu, restart)?;
            }
        }
        let TableSpec { seed, initializer, .. } = checkpoint.settings.table;
        self.maker.spec = Arc::new(TableSpec { seed, initializer, ..self.spec().clone() });
        self.optimizer = optimizer;
        self.step_count = step;
        Ok(())
    }

    /// Checks that a checkpoint is of this table's configuration.
    fn check_same<R: Read + Seek>(&self, checkpoint: &Checkpoint<R>) -> Result<()> {
        let (mine, theirs) = (self.spec(), &checkpoint.settings.table);
        let (optimizer, in_file) = (&self.optimizer, &checkpoint.settings.optimizer);
        let mut differences = Vec::new();
        let mut compare = |what: &str, in_the_file: String, here: String| {
            if in_the_file != here {
                differences.push(format!("{what} is {in_the_file} in the file and {here} here"));
            }
        };
        compare("input_dim", checkpoint.config.input_dim.to_string(), self.input_dim().to_string());
        compare("output_dim", checkpoint.config.output_dim.to_string(), self.output_dim().to_string());
        compare("trainable", theirs.trainable.to_string(), mine.trainable.to_string());
        compare("mask_zero", theirs.mask_zero.to_string(), mine.mask_zero.to_string());
        compare("padding_idx", format!("{:?}", theirs.padding_idx), format!("{:?}", mine.padding_idx));
        compare("storage", theirs.precision.storage.name().to_owned(), mine.precision.storage.name().to_owned());
        // Of f32 nothing is rounded.
        if !mine.precision.is_single() && !theirs.precision.is_single() {
            compare(
                "rounding",
                theirs.precision.rounding.name().to_owned(),
                mine.precision.rounding.name().to_owned(),
            );
        }
        compare("input_length", format!("{:?}", theirs.input_length), format!("{:?}", mine.input_length));
        // A frozen table keeps nothing for which they matter.
        if mine.trainable && theirs.trainable {
            for ((what, theirs), (_, mine)) in in_file.kept().into_iter().zip(optimizer.kept()) {
                compare(what, theirs, mine);
            }
        }
        if differences.is_empty() {
            return Ok(());
        }
        Err(Error::CheckpointMismatch { path: checkpoint.path().to_owned(), differences: differences.join("; ") })
    }
}

/// Reads all that a checkpoint has but the weights.
fn read_state<R: Read + Seek>(
    checkpoint: &mut Checkpoint<R>,
    table: &mut ReferenceTable,
    input_dim: u32,
) -> Result<()> {
    for array in arrays_of(checkpoint.config.trainable, &checkpoint.settings.optimizer).iter().skip(1) {
        let values = table.state_mut(array.name).expect("an array of this optimizer");
        checkpoint.read_rows(array.name, 0..input_dim, values)?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
