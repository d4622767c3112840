//! Checkpoints: safetensors files with a table's arrays, and in their metadata its settings.

mod optimizer;
mod settings;

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::ops::Range;
use std::path::Path;

pub(crate) use settings::Settings;

use crate::config::{EmbeddingConfig, WEIGHT};
use crate::error::Result;
use crate::optimizer::{Extent, Optimizer, StateArray};
use crate::safetensors::{Float, TensorFile, TensorRows};

/// Floats that are read at once.
const PIECE_FLOATS: usize = 1 << 16;

/// The arrays of a checkpoint, in its order: the weights, and unless the table is frozen the optimizer's state.
pub(crate) fn arrays_of(trainable: bool, optimizer: &Optimizer) -> Vec<StateArray> {
    let state = if trainable { optimizer.state() } else { Vec::new() };
    [StateArray::per_element(WEIGHT)].into_iter().chain(state).collect()
}

/// The shape of an array's tensor, with a number a row for [`Extent::PerRow`].
pub(crate) fn shape_of<T>(array: &StateArray, input_dim: T, output_dim: T) -> Vec<T> {
    match array.extent {
        Extent::PerElement => vec![input_dim, output_dim],
        Extent::PerRow => vec![input_dim],
    }
}

/// A checkpoint that was checked but for its numbers, which are still to be read.
#[derive(Debug)]
pub(crate) struct Checkpoint<R = File> {
    file: TensorFile<R>,
    pub settings: Settings,
    /// The table's own, without an initializer; valid.
    pub config: EmbeddingConfig,
}

impl Checkpoint {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::new(TensorFile::open(path, None)?)
    }
}

impl<R: Read + Seek> Checkpoint<R> {
    pub(crate) fn new(file: TensorFile<R>) -> Result<Self> {
        let settings = Settings::read(&file)?;
        let [input_dim, output_dim] = file.matrix_shape(WEIGHT)?;
        let arrays = arrays_of(settings.table.trainable, &settings.optimizer);
        let expected: Vec<_> = arrays.iter().map(|array| array.name).collect();
        for (array, &name) in arrays.iter().zip(&expected) {
            let tensor = file.tensor(name)?;
            let required = if name == WEIGHT { Float::of(settings.table.precision.storage) } else { Float::F32 };
            if tensor.float != required {
                let problem = format!("it must be {required:?} in this checkpoint, and is {:?}", tensor.float);
                return Err(file.malformed_tensor(name, problem));
            }
            let required = shape_of(array, input_dim, output_dim);
            if tensor.shape != required {
                let given = match tensor.shape.len() {
                    0..=8 => format!("{:?}", tensor.shape),
                    dimensions => format!("of {dimensions} dimensions"),
                };
                let of_each = match array.extent {
                    Extent::PerElement => "weight",
                    Extent::PerRow => "row",
                };
                let problem = format!("its shape must be {required:?}, a number for each {of_each}, and is {given}");
                return Err(file.malformed_tensor(name, problem));
            }
        }
        if let Some(name) = file.names().iter().find(|name| !expected.contains(&name.as_str())) {
            let problem = format!("it is not one of this checkpoint's, which are {expected:?}");
            return Err(file.malformed_tensor(name, problem));
        }
        let config = settings
            .table
            .config(input_dim, output_dim)
            .map_err(|error| file.malformed("its settings".to_owned(), error.to_string()))?;
        Ok(Self { file, settings, config })
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// The rows of one of its tensors.
    pub(crate) fn rows(&mut self, name: &str) -> Result<TensorRows<&mut BufReader<R>>> {
        let tensor = self.file.tensor(name)?;
        self.file.rows(&tensor, 0)
    }

    /// Reads some rows of one of its tensors, dense.
    pub(crate) fn read_rows(&mut self, name: &str, rows: Range<u32>, values: &mut [f32]) -> Result<()> {
        let tensor = self.file.tensor(name)?;
        let mut rows = self.file.rows(&tensor, rows.start)?;
        // Not all at once, which would take their memory once more.
        values.chunks_mut(PIECE_FLOATS).try_for_each(|piece| rows.fill_row(piece))
    }
}
