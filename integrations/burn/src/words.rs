//! Indices of any integer type as the words of 32 bits that the table's kernels take.

use burn::tensor::{DType, Int, Tensor};

/// Indices of any type as words of 32 bits, the same number where it is a row, and no row where it is none.
pub(crate) fn into_words<const D: usize>(indices: Tensor<D, Int>, input_dim: u32) -> Tensor<D, Int> {
    match indices.dtype() {
        DType::U32 => indices,
        // As words, negative numbers are those from 2^31.
        DType::I32 if input_dim <= 1 << 31 => indices,
        DType::I32 => {
            let negative = indices.clone().lower_elem(0);
            indices.mask_fill(negative, -1)
        }
        DType::I64 => {
            let outside = indices.clone().lower_elem(0).bool_or(indices.clone().greater_equal_elem(input_dim));
            indices.mask_fill(outside, u32::MAX).cast(DType::U32)
        }
        DType::U64 => {
            let outside = indices.clone().greater_equal_elem(input_dim);
            indices.mask_fill(outside, u32::MAX).cast(DType::U32)
        }
        // The smaller types.
        _ => indices.cast(DType::I32),
    }
}
