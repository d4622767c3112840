//! A safetensors file: 8 bytes with the header's length, the header in JSON, then the tensors' bytes without gaps.

use std::fs::{self, File};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::other_file::{index_of_shard, other_file};
use crate::error::{Error, Result, quoted};
use crate::file::file_error;
use crate::file_kind::START_BYTES;
use crate::json;
use crate::storage::Storage;

/// The longest header, as the format has it. A hostile one takes some twenty times as much memory to parse.
pub(super) const MAX_HEADER_BYTES: u64 = 100_000_000;

/// Names that an error lists.
const MAX_LISTED: usize = 20;

/// A file whose header was read and checked: its tensors lie in the file without gaps and end with it.
#[derive(Debug)]
pub(crate) struct TensorFile<R = File> {
    path: PathBuf,
    reader: BufReader<R>,
    header: Metadata,
    data_start: u64,
}

/// A tensor of floats.
#[derive(Debug)]
pub(crate) struct FloatTensor {
    pub shape: Vec<usize>,
    pub float: Float,
    start: u64,
}

/// How a tensor's floats are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Float {
    F16,
    BF16,
    F32,
    F64,
}

impl TensorFile {
    /// Opens a file, of which one tensor is `wanted`, or all.
    pub(crate) fn open(path: &Path, wanted: Option<&str>) -> Result<Self> {
        let failed = |error| file_error("reading", path, &error);
        // Asked first: opening a pipe would wait for somebody to write into it.
        if !fs::metadata(path).map_err(failed)?.is_file() {
            return Err(malformed(path, "as a whole", "it is not a file".to_owned()));
        }
        Self::new(File::open(path).map_err(failed)?, path, wanted)
    }

    /// The rows of one tensor, which must be a table of this size.
    pub(crate) fn into_table(self, name: &str, input_dim: u32, output_dim: u32) -> Result<TensorRows> {
        let tensor = self.tensor(name)?;
        let required = [input_dim as usize, output_dim as usize];
        let shape = self.matrix_shape(name)?;
        if shape != required {
            return Err(Error::Shape {
                what: "the tensor's shape",
                required: format!("[input_dim, output_dim] = {required:?}"),
                given: format!("{shape:?}, that of {:?} in {}", quoted(name), self.path.display()),
            });
        }
        let Self { path, mut reader, data_start, .. } = self;
        seek(&mut reader, &path, data_start + tensor.start)?;
        Ok(TensorRows { reader, path, float: tensor.float, bytes: Vec::new(), values: Vec::new() })
    }
}

impl<R: Read + Seek> TensorFile<R> {
    /// Reads the header. `path` and `wanted` are for errors.
    pub(crate) fn new(mut reader: R, path: &Path, wanted: Option<&str>) -> Result<Self> {
        let failed = |error| file_error("reading", path, &error);
        let file_bytes = reader.seek(SeekFrom::End(0)).map_err(failed)?;
        reader.rewind().map_err(failed)?;
        let in_header = |problem: String| malformed(path, "header", problem);
        let mut start = Vec::with_capacity(START_BYTES);
        reader.by_ref().take(START_BYTES as u64).read_to_end(&mut start).map_err(failed)?;
        if let Some(problem) = other_file(&start, &mut reader, wanted).map_err(failed)? {
            return Err(malformed(path, "as a whole", problem));
        }
        let Some((length, _)) = start.split_first_chunk() else {
            return Err(in_header(format!("a safetensors file has at least 8 bytes, and this one {file_bytes}")));
        };
        let length = u64::from_le_bytes(*length);
        let most = MAX_HEADER_BYTES.min(file_bytes - 8);
        if length > most {
            return Err(in_header(format!(
                "it claims {length} bytes, and may have {most} in this file of {file_bytes}"
            )));
        }
        reader.seek(SeekFrom::Start(8)).map_err(failed)?;
        // Grows with what is there: a sparse file takes no room for the length that it claims.
        let mut text = Vec::new();
        reader.by_ref().take(length).read_to_end(&mut text).map_err(failed)?;
        // Checks that the tensors follow each other, and that their bytes are what their shapes say. Not the crate's own
        // SafeTensors::deserialize: it wants the whole file in memory, and adds up lengths that may overflow.
        let header: Metadata = serde_json::from_slice(&text).map_err(|error| in_header(json::problem(&error)))?;
        let (data_bytes, data_start) = (header.data_len() as u64, 8 + length);
        if data_bytes != file_bytes - data_start {
            return Err(malformed(
                path,
                "data",
                format!("the header says {data_bytes} bytes, and the file has {}", file_bytes - data_start),
            ));
        }
        Ok(Self { path: path.to_owned(), reader: BufReader::with_capacity(1 << 20, reader), header, data_start })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A value of the file's own metadata.
    pub(crate) fn metadata(&self, key: &str) -> Option<&str> {
        self.header.metadata().as_ref()?.get(key).map(String::as_str)
    }

    /// The tensors' names, in the order of the file.
    pub(crate) fn names(&self) -> Vec<String> {
        self.header.offset_keys()
    }

    /// Finds a tensor of floats.
    pub(crate) fn tensor(&self, name: &str) -> Result<FloatTensor> {
        // Of tensors that share memory, PyTorch's save_model writes one, and in the metadata the others' names with its own.
        let alias = || self.header.info(self.metadata(name)?);
        let Some(TensorInfo { dtype, shape, data_offsets }) = self.header.info(name).or_else(alias) else {
            return Err(self.malformed("header".to_owned(), self.missing(name)));
        };
        let float = match dtype {
            Dtype::F16 => Float::F16,
            Dtype::BF16 => Float::BF16,
            Dtype::F32 => Float::F32,
            Dtype::F64 => Float::F64,
            other => {
                return Err(
                    self.malformed_tensor(name, format!("it must be F32, F16, BF16 or F64, and is {other:?}"))
                );
            }
        };
        Ok(FloatTensor { shape: shape.clone(), float, start: data_offsets.0 as u64 })
    }

    /// The shape of a tensor that may be a table.
    pub(crate) fn matrix_shape(&self, name: &str) -> Result<[usize; 2]> {
        let FloatTensor { shape, .. } = self.tensor(name)?;
        let &[rows, columns] = &shape[..] else {
            let problem = match shape.len() {
                dimensions @ 0..=8 => format!("it must have two dimensions, and has {dimensions}, {shape:?}"),
                dimensions => format!("it must have two dimensions, and has {dimensions}"),
            };
            return Err(self.malformed_tensor(name, problem));
        };
        Ok([rows, columns])
    }

    /// The rows of a tensor, from row `first` on; a tensor of one dimension has rows of one float.
    pub(crate) fn rows(&mut self, tensor: &FloatTensor, first: u32) -> Result<TensorRows<&mut BufReader<R>>> {
        let Self { path, reader, data_start, .. } = self;
        let row_floats: usize = tensor.shape.iter().skip(1).product();
        let row_bytes = (row_floats * tensor.float.bytes()) as u64;
        seek(reader, path, *data_start + tensor.start + u64::from(first) * row_bytes)?;
        Ok(TensorRows { reader, path: path.clone(), float: tensor.float, bytes: Vec::new(), values: Vec::new() })
    }

    pub(crate) fn malformed(&self, place: String, problem: String) -> Error {
        malformed(&self.path, &place, problem)
    }

    pub(crate) fn malformed_tensor(&self, name: &str, problem: String) -> Error {
        self.malformed(format!("tensor {:?}", quoted(name)), problem)
    }

    fn missing(&self, name: &str) -> String {
        let names = self.names();
        let index = index_of_shard(&self.path).unwrap_or_default();
        format!("there is no tensor {:?}; there are {}{index}", quoted(name), listed(&names))
    }
}

/// A tensor's rows, read one after the other.
#[derive(Debug)]
pub(crate) struct TensorRows<R = BufReader<File>> {
    reader: R,
    path: PathBuf,
    float: Float,
    /// A row as it is in the file, and in f32.
    bytes: Vec<u8>,
    values: Vec<f32>,
}

impl<R: Read> TensorRows<R> {
    /// Reads the next `row.len()` floats.
    pub(crate) fn fill_row(&mut self, row: &mut [f32]) -> Result<()> {
        self.bytes.resize(row.len() * self.float.bytes(), 0);
        self.reader.read_exact(&mut self.bytes).map_err(|error| file_error("reading", &self.path, &error))?;
        self.float.convert(&self.bytes, row);
        Ok(())
    }

    /// Appends the next `floats` floats as a table stores them: as they are, where the file stores them so.
    pub(crate) fn append_row(&mut self, floats: usize, storage: Storage, row: &mut Vec<u8>) -> Result<()> {
        if self.float == Float::of(storage) {
            let start = row.len();
            row.resize(start + floats * self.float.bytes(), 0);
            return self
                .reader
                .read_exact(&mut row[start..])
                .map_err(|error| file_error("reading", &self.path, &error));
        }
        let mut values = std::mem::take(&mut self.values);
        values.resize(floats, 0.0);
        let filled = self.fill_row(&mut values);
        storage.encode(&values, row);
        self.values = values;
        filled
    }
}

impl Float {
    /// How a table's weights are written.
    pub(crate) fn of(storage: Storage) -> Self {
        match storage {
            Storage::F32 => Self::F32,
            Storage::F16 => Self::F16,
            Storage::Bf16 => Self::BF16,
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::F16 | Self::BF16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    fn convert(self, bytes: &[u8], row: &mut [f32]) {
        fn each<const N: usize>(bytes: &[u8], row: &mut [f32], convert: impl Fn([u8; N]) -> f32) {
            for (value, &bytes) in row.iter_mut().zip(bytes.as_chunks().0) {
                *value = convert(bytes);
            }
        }
        match self {
            Self::F16 => each(bytes, row, |bytes| half::f16::from_le_bytes(bytes).to_f32()),
            Self::BF16 => each(bytes, row, |bytes| half::bf16::from_le_bytes(bytes).to_f32()),
            Self::F32 => each(bytes, row, f32::from_le_bytes),
            Self::F64 => each(bytes, row, |bytes| f64::from_le_bytes(bytes) as f32),
        }
    }
}

/// Names in an error, not all of many.
pub(super) fn listed(names: &[String]) -> String {
    let first: Vec<_> = names.iter().take(MAX_LISTED).map(|name| quoted(name)).collect();
    match names.len() - first.len() {
        0 => format!("{first:?}"),
        more => format!("{first:?} and {more} more"),
    }
}

fn seek(reader: &mut impl Seek, path: &Path, position: u64) -> Result<()> {
    reader.seek(SeekFrom::Start(position)).map(drop).map_err(|error| file_error("reading", path, &error))
}

fn malformed(path: &Path, place: &str, problem: String) -> Error {
    Error::Malformed { what: path.display().to_string(), place: place.to_owned(), problem }
}
