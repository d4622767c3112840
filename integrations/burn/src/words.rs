//! Indices of any integer type as the words of 32 bits that the table's kernels take.

use burn::tensor::{Bool, DType, Int, Tensor};
use wgpu_embedding::PADDING;

/// `PADDING` in a signed type.
const SIGNED_PADDING: i64 = PADDING as i32 as i64;

/// Indices of any type as words of 32 bits, the same number where it is a row, and no row where it is none. Padding is padding
/// in each type that holds it.
pub(crate) fn into_words<const D: usize>(indices: Tensor<D, Int>, input_dim: u32) -> Tensor<D, Int> {
    match indices.dtype() {
        DType::U32 => indices,
        // As words, negative numbers are those from 2^31.
        DType::I32 if input_dim <= 1 << 31 => indices,
        DType::I32 => {
            let (negative, padding) = (indices.clone().lower_elem(0), is_padding(&indices));
            with_padding(indices.mask_fill(negative, -1), padding, SIGNED_PADDING)
        }
        DType::I64 => {
            let outside = indices.clone().lower_elem(0).bool_or(indices.clone().greater_equal_elem(input_dim));
            let padding = is_padding(&indices);
            with_padding(indices.mask_fill(outside, u32::MAX), padding, PADDING.into()).cast(DType::U32)
        }
        DType::U64 => {
            let (outside, padding) = (indices.clone().greater_equal_elem(input_dim), is_padding(&indices));
            with_padding(indices.mask_fill(outside, u32::MAX), padding, PADDING.into()).cast(DType::U32)
        }
        // The smaller types.
        _ => indices.cast(DType::I32),
    }
}

/// Where indices are padding; `None` for types that do not hold it.
pub(crate) fn is_padding<const D: usize>(indices: &Tensor<D, Int>) -> Option<Tensor<D, Bool>> {
    match indices.dtype() {
        DType::U8 | DType::U16 => None,
        DType::U32 | DType::U64 => Some(indices.clone().equal_elem(PADDING)),
        _ => Some(indices.clone().equal_elem(SIGNED_PADDING)),
    }
}

fn with_padding<const D: usize>(
    indices: Tensor<D, Int>,
    padding: Option<Tensor<D, Bool>>,
    value: i64,
) -> Tensor<D, Int> {
    match padding {
        Some(padding) => indices.mask_fill(padding, value),
        None => indices,
    }
}
