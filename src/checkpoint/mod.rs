//! Tables in safetensors files: `tensors` reads any such file, `settings` is what a checkpoint says beside its tensors.
//!
//! All of it reads from files that may be anybody's: nothing is allocated by a length that a file claims and does not have.

mod other_file;
mod settings;
mod tensors;

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::ops::Range;
use std::path::Path;

pub(crate) use settings::{Settings, TableSettings};
pub(crate) use tensors::{TensorFile, TensorRows, header};

use crate::config::EmbeddingConfig;
use crate::error::Result;
use crate::gpu::transfer::WEIGHT;
use crate::optimizer::{Optimizer, StateArray};
use tensors::Float;

/// The arrays of a checkpoint, in its order: the weights, and unless the table is frozen the optimizer's state.
pub(crate) fn arrays_of(trainable: bool, optimizer: &Optimizer) -> Vec<StateArray> {
    let state = if trainable { optimizer.state() } else { Vec::new() };
    [StateArray::per_element(WEIGHT)].into_iter().chain(state).collect()
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
        let weight = file.matrix(WEIGHT)?;
        let arrays = arrays_of(settings.table.trainable, &settings.optimizer);
        let expected: Vec<_> = arrays.iter().map(|array| array.name).collect();
        for &name in &expected {
            let tensor = file.matrix(name)?;
            if tensor.float != Float::F32 {
                let problem = format!("a checkpoint's tensors are F32, and this one is {:?}", tensor.float);
                return Err(file.malformed_tensor(name, problem));
            }
            if tensor.shape != weight.shape {
                let problem =
                    format!("its shape must be {:?}, the weights', and is {:?}", weight.shape, tensor.shape);
                return Err(file.malformed_tensor(name, problem));
            }
        }
        if let Some(name) = file.names().iter().find(|name| !expected.contains(&name.as_str())) {
            let problem = format!("it is not one of this checkpoint's, which are {expected:?}");
            return Err(file.malformed_tensor(name, problem));
        }
        let [input_dim, output_dim] = weight.shape;
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
        let tensor = self.file.matrix(name)?;
        self.file.rows(&tensor, 0)
    }

    /// Reads some rows of one of its tensors, dense.
    pub(crate) fn read_rows(&mut self, name: &str, rows: Range<u32>, values: &mut [f32]) -> Result<()> {
        let tensor = self.file.matrix(name)?;
        self.file.rows(&tensor, rows.start)?.fill_row(values)
    }
}
