//! Sequences to one length: Keras's `pad_sequences`.

use super::matrix::Matrix;
use crate::error::Result;

/// An end of a sequence: Keras's "pre" and "post".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Side {
    /// The beginning; Keras's default.
    #[default]
    Pre,
    /// The end.
    Post,
}

/// Keras's arguments of [`pad_sequences`], with Keras's defaults.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct PadOptions<T> {
    /// How long all sequences are made; as the longest one unless given.
    pub maxlen: Option<usize>,
    /// Where shorter ones are filled up; in front by default.
    pub padding: Side,
    /// Where longer ones lose elements; in front by default, so the last `maxlen` stay.
    pub truncating: Side,
    /// What fills them up; `T::default()` unless given: 0, for numbers.
    pub value: T,
}

impl<T: Default> PadOptions<T> {
    /// Keras's defaults.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<T> PadOptions<T> {
    /// Sets [`maxlen`](Self::maxlen).
    pub fn with_maxlen(self, maxlen: usize) -> Self {
        Self { maxlen: Some(maxlen), ..self }
    }

    /// Sets [`padding`](Self::padding).
    pub fn with_padding(self, padding: Side) -> Self {
        Self { padding, ..self }
    }

    /// Sets [`truncating`](Self::truncating).
    pub fn with_truncating(self, truncating: Side) -> Self {
        Self { truncating, ..self }
    }

    /// Sets [`value`](Self::value).
    pub fn with_value(self, value: T) -> Self {
        Self { value, ..self }
    }
}

/// Pads or cuts sequences to one length, as Keras's `pad_sequences`: a matrix of `sequences.len()` rows by `maxlen` columns.
///
/// Elements are ids of any integer type, floats, `[f32; 3]` for sequences of vectors, or whatever else can be cloned; there
/// is no `dtype`, the elements keep theirs.
///
/// ```
/// use wgpu_embedding::text::{PadOptions, Side, pad_sequences};
///
/// let sequences = [vec![1], vec![2, 3], vec![4, 5, 6]];
/// let padded = pad_sequences(&sequences, &PadOptions::new())?;
/// assert_eq!(padded.shape(), [3, 3]);
/// assert_eq!(padded.values(), [0, 0, 1, 0, 2, 3, 4, 5, 6]);
///
/// let options = PadOptions::new().with_maxlen(2).with_padding(Side::Post).with_value(-1);
/// let rows: Vec<_> = pad_sequences(&sequences, &options)?.rows().map(<[i32]>::to_vec).collect();
/// assert_eq!(rows, [[1, -1], [2, 3], [5, 6]]);
/// # Ok::<(), wgpu_embedding::Error>(())
/// ```
///
/// In two cases Keras raises an exception and this does the obvious: without sequences and without `maxlen` the result is 0
/// by 0, and with a `maxlen` of 0 its rows are empty (Keras has those only with `truncating="post"`).
///
/// # Errors
///
/// [`Error::Shape`](crate::Error::Shape) if memory cannot hold that many elements.
pub fn pad_sequences<T: Clone, S: AsRef<[T]>>(sequences: &[S], options: &PadOptions<T>) -> Result<Matrix<T>> {
    let longest = || sequences.iter().map(|sequence| sequence.as_ref().len()).max().unwrap_or(0);
    let maxlen = options.maxlen.unwrap_or_else(longest);
    let mut padded = Matrix::filled("the padded batch", [sequences.len(), maxlen], options.value.clone())?;
    for (row, sequence) in sequences.iter().enumerate() {
        let sequence = sequence.as_ref();
        let kept = sequence.len().min(maxlen);
        let kept = match options.truncating {
            Side::Pre => &sequence[sequence.len() - kept..],
            Side::Post => &sequence[..kept],
        };
        let start = match options.padding {
            Side::Pre => maxlen - kept.len(),
            Side::Post => 0,
        };
        padded.row_mut(row)[start..][..kept.len()].clone_from_slice(kept);
    }
    Ok(padded)
}
