//! What a batch can be made of on the host.

use crate::error::{Error, Result};

mod sealed {
    pub trait Sealed {}
}

/// An integer type that indices may come in.
pub trait Index: Copy + Send + sealed::Sealed + 'static {
    /// The row it names, if that is within `0..input_dim`.
    #[doc(hidden)]
    fn row(self, input_dim: u32) -> Option<u32>;
    /// Its value, for messages.
    #[doc(hidden)]
    fn value(self) -> i128;
}

macro_rules! index {
    ($($integer:ty),*) => {
        $(
            impl sealed::Sealed for $integer {}
            impl Index for $integer {
                // `validate` is compiled in the caller's crate, which could not inline this otherwise.
                #[inline]
                fn row(self, input_dim: u32) -> Option<u32> {
                    u32::try_from(self).ok().filter(|&row| row < input_dim)
                }
                fn value(self) -> i128 {
                    self as i128
                }
            }
        )*
    };
}
index!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

/// Indices on the host with their shape: whatever [`GpuEmbedding::batch`](crate::GpuEmbedding::batch) takes.
///
/// - a slice, array or vector of integers: one dimension;
/// - a vector or slice of arrays, `&[[i32; 40]]`: two dimensions;
/// - a pair of values and shape, `(values, [batch, length])` or `(values, vec![a, b, c])`: any shape, row-major; the
///   empty shape `[]` is a single index.
///
/// Any integer type will do; negative numbers are errors, as everything outside `0..input_dim` is.
pub trait HostIndices {
    /// The integer type.
    type Index: Index;
    /// All indices, row-major.
    fn values(&self) -> &[Self::Index];
    /// The shape; its product must be the number of values.
    fn shape(&self) -> Vec<usize>;
}

impl<I: Index> HostIndices for [I] {
    type Index = I;
    fn values(&self) -> &[I] {
        self
    }
    fn shape(&self) -> Vec<usize> {
        vec![self.len()]
    }
}

impl<I: Index> HostIndices for Vec<I> {
    type Index = I;
    fn values(&self) -> &[I] {
        self
    }
    fn shape(&self) -> Vec<usize> {
        vec![self.len()]
    }
}

impl<I: Index, const N: usize> HostIndices for [I; N] {
    type Index = I;
    fn values(&self) -> &[I] {
        self
    }
    fn shape(&self) -> Vec<usize> {
        vec![N]
    }
}

impl<I: Index, const N: usize> HostIndices for [[I; N]] {
    type Index = I;
    fn values(&self) -> &[I] {
        self.as_flattened()
    }
    fn shape(&self) -> Vec<usize> {
        vec![self.len(), N]
    }
}

impl<I: Index, const N: usize> HostIndices for Vec<[I; N]> {
    type Index = I;
    fn values(&self) -> &[I] {
        self.as_flattened()
    }
    fn shape(&self) -> Vec<usize> {
        vec![self.len(), N]
    }
}

impl<I: Index, const M: usize, const N: usize> HostIndices for [[I; N]; M] {
    type Index = I;
    fn values(&self) -> &[I] {
        self.as_flattened()
    }
    fn shape(&self) -> Vec<usize> {
        vec![M, N]
    }
}

impl<V: HostIndices, S: AsRef<[usize]>> HostIndices for (V, S) {
    type Index = V::Index;
    fn values(&self) -> &[V::Index] {
        self.0.values()
    }
    fn shape(&self) -> Vec<usize> {
        self.1.as_ref().to_vec()
    }
}

impl<T: HostIndices + ?Sized> HostIndices for &T {
    type Index = T::Index;
    fn values(&self) -> &[T::Index] {
        T::values(self)
    }
    fn shape(&self) -> Vec<usize> {
        T::shape(self)
    }
}

/// Checks a shape and every index, and gives the rows.
pub(crate) fn validate<T: HostIndices + ?Sized>(
    indices: &T,
    input_dim: u32,
    input_length: Option<usize>,
) -> Result<(Vec<u32>, Vec<usize>)> {
    let (values, shape) = (indices.values(), indices.shape());
    validate_shape(&shape, values.len(), input_length)?;
    // No branch for each index: the position of a bad one is looked up afterwards.
    let mut all_valid = true;
    let valid_or_zero = |index: &T::Index| {
        let row = index.row(input_dim);
        all_valid &= row.is_some();
        row.unwrap_or(0)
    };
    let rows: Vec<u32> = values.iter().map(valid_or_zero).collect();
    if !all_valid {
        let bad = values.iter().enumerate().find(|(_, index)| index.row(input_dim).is_none());
        let (position, index) = bad.expect("one was bad");
        return Err(Error::IndexOutOfRange { position, value: index.value(), input_dim });
    }
    Ok((rows, shape))
}

/// Checks that `shape` holds `count` indices, no more than the kernels can number, and ends in `input_length`.
pub(crate) fn validate_shape(shape: &[usize], count: usize, input_length: Option<usize>) -> Result<()> {
    let product = shape.iter().try_fold(1usize, |product, &extent| product.checked_mul(extent));
    if product != Some(count) {
        return Err(Error::Shape {
            what: "the batch's shape",
            required: format!("the shape of its {count} indices"),
            given: format!("{shape:?}"),
        });
    }
    if count >= u32::MAX as usize {
        return Err(Error::Shape {
            what: "the batch",
            required: format!("of fewer than {} indices", u32::MAX),
            given: format!("of {count}"),
        });
    }
    match (input_length, shape.last()) {
        (Some(required), given) if given != Some(&required) => Err(Error::Shape {
            what: "the batch's last dimension",
            required: format!("the table's input_length, {required}"),
            given: given.map_or("missing (the shape is [])".to_owned(), usize::to_string),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_follow_the_type() {
        assert_eq!(HostIndices::shape(&[1u8, 2]), [2]);
        assert_eq!(vec![1i64, 2, 3].shape(), [3]);
        assert_eq!([[1u16, 2], [3, 4], [5, 6]].shape(), [3, 2]);
        assert_eq!(vec![[1usize, 2]].shape(), [1, 2]);
        assert_eq!((&[1u32, 2, 3, 4, 5, 6], [1, 2, 3]).shape(), [1, 2, 3]);
        assert_eq!((vec![4i32], []).shape(), [0usize; 0]);
    }

    #[test]
    fn bad_indices_are_named_with_their_position() {
        let error = |value: i128| Error::IndexOutOfRange { position: 2, value, input_dim: 10 };
        assert_eq!(validate(&[0i64, 9, -1], 10, None), Err(error(-1)));
        assert_eq!(validate(&[0u64, 9, u64::MAX], 10, None), Err(error(u64::MAX.into())));
        assert_eq!(validate(&[0u8, 9, 10], 10, None), Err(error(10)));
        // The first of several.
        assert_eq!(validate(&[0i16, 9, 11, -1, 12], 10, None), Err(error(11)));
        assert_eq!(validate(&[0i8, 9], 10, None).unwrap(), (vec![0, 9], vec![2]));
    }

    #[test]
    fn bad_shapes_are_errors() {
        let required = |indices: &(Vec<u32>, Vec<usize>), length| match validate(indices, 10, length) {
            Err(Error::Shape { given, .. }) => given,
            other => panic!("{other:?}"),
        };
        assert_eq!(required(&(vec![1, 2, 3], vec![2, 2]), None), "[2, 2]");
        assert_eq!(required(&(vec![], vec![usize::MAX, 2]), None), format!("[{}, 2]", usize::MAX));
        assert_eq!(required(&(vec![1, 2], vec![1, 2]), Some(3)), "2");
        assert_eq!(required(&(vec![1], vec![]), Some(1)), "missing (the shape is [])");
        validate(&(vec![1u32, 2, 3], vec![1, 3]), 10, Some(3)).unwrap();
    }
}
