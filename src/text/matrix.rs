//! A rectangle of values, such as padded sequences.

use crate::batch::{HostIndices, Index};
use crate::error::{Error, Result};

/// Rows of equal length in one vector, row-major: what [`pad_sequences`](super::pad_sequences) and
/// [`Tokenizer::texts_to_matrix`](super::Tokenizer::texts_to_matrix) give.
///
/// One of integers is a batch of indices as it stands, of shape `[rows, columns]`:
/// [`GpuEmbedding::batch`](crate::GpuEmbedding::batch) and [`stream`](crate::GpuEmbedding::stream) take it.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix<T> {
    values: Vec<T>,
    shape: [usize; 2],
}

impl<T> Matrix<T> {
    /// The shape, `[rows, columns]`.
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// All values, row by row.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// All values, row by row, as a vector.
    pub fn into_values(self) -> Vec<T> {
        self.values
    }

    /// One row, if there is one of that number.
    pub fn row(&self, row: usize) -> Option<&[T]> {
        let [rows, columns] = self.shape;
        (row < rows).then(|| &self.values[row * columns..][..columns])
    }

    /// The rows, in their order; those of a matrix without columns are empty.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[T]> + DoubleEndedIterator {
        let [rows, columns] = self.shape;
        (0..rows).map(move |row| &self.values[row * columns..][..columns])
    }
}

impl<T: Clone> Matrix<T> {
    /// The rows of these numbers, in this order: a minibatch of a shuffled epoch, say.
    ///
    /// ```
    /// use wgpu_embedding::text::{PadOptions, pad_sequences};
    ///
    /// let padded = pad_sequences(&[vec![1u32], vec![2, 3], vec![4]], &PadOptions::new())?;
    /// let minibatch = padded.select_rows(&[2, 0])?;
    /// assert_eq!(minibatch.shape(), [2, 2]);
    /// assert_eq!(minibatch.values(), [0, 4, 0, 1]);
    /// # Ok::<(), wgpu_embedding::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if there is no row of a number.
    pub fn select_rows(&self, rows: &[usize]) -> Result<Self> {
        let [count, columns] = self.shape;
        let mut values = Vec::with_capacity(rows.len().saturating_mul(columns).min(self.values.len()));
        for &row in rows {
            values.extend_from_slice(self.row(row).ok_or_else(|| Error::Shape {
                what: "a row's number",
                required: format!("below the matrix's {count} rows"),
                given: row.to_string(),
            })?);
        }
        Ok(Self { values, shape: [rows.len(), columns] })
    }

    /// One full of `value`.
    pub(super) fn filled(what: &'static str, shape: [usize; 2], value: T) -> Result<Self> {
        let [rows, columns] = shape;
        let impossible = |reason: &str| Error::Shape {
            what,
            required: "of a size that this machine's memory can hold".to_owned(),
            given: format!("{rows} x {columns} values of {} bytes ({reason})", size_of::<T>()),
        };
        let count = rows.checked_mul(columns).ok_or_else(|| impossible("their number overflows"))?;
        let mut values = Vec::new();
        values.try_reserve_exact(count).map_err(|error| impossible(&error.to_string()))?;
        values.resize(count, value);
        Ok(Self { values, shape })
    }

    pub(super) fn row_mut(&mut self, row: usize) -> &mut [T] {
        let columns = self.shape[1];
        &mut self.values[row * columns..][..columns]
    }
}

impl<I: Index> HostIndices for Matrix<I> {
    type Index = I;
    fn values(&self) -> &[I] {
        &self.values
    }
    fn shape(&self) -> Vec<usize> {
        self.shape.to_vec()
    }
}
