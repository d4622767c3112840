//! The start of a safetensors file that is to be written.

use std::collections::HashMap;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::tensors::MAX_HEADER_BYTES;
use crate::error::{Error, Result};
use crate::storage::Storage;

/// The start of a file, and where in the file each of its tensors begins.
#[derive(Debug)]
pub(crate) struct Header {
    pub bytes: Vec<u8>,
    pub starts: Vec<u64>,
}

/// The header of a file of tensors, which follow each other in this order.
///
/// # Errors
///
/// [`Error::InvalidConfig`] for a name that cannot be, and where the file would be too large for this machine's usize.
pub(crate) fn header(tensors: &[(&str, Storage, &[u32])], metadata: Option<(&str, String)>) -> Result<Header> {
    let invalid =
        |problem: String| Error::InvalidConfig(format!("the safetensors file cannot be written: {problem}"));
    if let Some((name, ..)) = tensors.iter().find(|&&(name, ..)| name == "__metadata__") {
        return Err(invalid(format!("no tensor may be called {name}")));
    }
    let mut end = 0usize;
    let mut entries = Vec::new();
    let mut starts = Vec::new();
    for &(name, storage, shape) in tensors {
        let start = end;
        let bytes =
            shape.iter().try_fold(storage.bytes() as usize, |bytes, &extent| bytes.checked_mul(extent as usize));
        end = bytes.and_then(|bytes| end.checked_add(bytes)).ok_or_else(|| {
            invalid(format!("{} tensors, of which one has the shape {shape:?}, exceed usize", tensors.len()))
        })?;
        let shape = shape.iter().map(|&extent| extent as usize).collect();
        let dtype = match storage {
            Storage::F32 => Dtype::F32,
            Storage::F16 => Dtype::F16,
            Storage::Bf16 => Dtype::BF16,
        };
        entries.push((name.to_owned(), TensorInfo { dtype, shape, data_offsets: (start, end) }));
        starts.push(start as u64);
    }
    let metadata = metadata.map(|(key, value)| HashMap::from([(key.to_owned(), value)]));
    let header = Metadata::new(metadata, entries).map_err(|error| invalid(error.to_string()))?;
    let mut text = serde_json::to_vec(&header).map_err(|error| invalid(error.to_string()))?;
    // The format asks for data that starts at a multiple of 8.
    text.resize(text.len().next_multiple_of(8), b' ');
    if text.len() as u64 > MAX_HEADER_BYTES {
        return Err(invalid(format!("its header would have {} bytes, and may have {MAX_HEADER_BYTES}", text.len())));
    }
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.append(&mut text);
    let data_start = bytes.len() as u64;
    starts.iter_mut().for_each(|start| *start += data_start);
    Ok(Header { bytes, starts })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::path::Path;

    use super::super::TensorFile;
    use super::*;

    #[test]
    fn tensors_of_one_and_two_dimensions_are_read_where_they_start() {
        let Header { mut bytes, starts } = header(
            &[("weight", Storage::F32, &[3, 2]), ("sum", Storage::F32, &[3])],
            Some(("key", "value".to_owned())),
        )
        .unwrap();
        assert_eq!(starts, [bytes.len() as u64, bytes.len() as u64 + 24]);
        bytes.extend((0..9).flat_map(|i| (i as f32).to_le_bytes()));
        let mut file = TensorFile::new(Cursor::new(bytes), Path::new("file"), None).unwrap();
        for (name, first, expected) in [("weight", 1, vec![2.0, 3.0]), ("sum", 0, vec![6.0]), ("sum", 2, vec![8.0])] {
            let tensor = file.tensor(name).unwrap();
            let mut row = vec![0.0; expected.len()];
            file.rows(&tensor, first).unwrap().fill_row(&mut row).unwrap();
            assert_eq!(row, expected, "{name}");
        }
        let error = file.matrix_shape("sum").unwrap_err().to_string();
        assert!(error.ends_with("it must have two dimensions, and has 1, [3]"), "{error}");
    }
}
