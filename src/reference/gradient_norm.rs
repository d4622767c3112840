use super::RowSums;
use super::row_term::sum_of_squares;

/// The Euclidean norm of a summed gradient.
///
/// The squares of a row are added in a fixed tree, the rows' sums by rising row in chunks of 64, first to last, and so are
/// the chunks' sums, until one is left: the norm depends on the gradient alone.
pub fn gradient_norm(gradient: &RowSums) -> f32 {
    let width = gradient.sums.len() / gradient.rows.len().max(1);
    let mut squares: Vec<f32> = gradient.sums.chunks_exact(width.max(1)).map(sum_of_squares).collect();
    while squares.len() > 1 {
        squares = squares.chunks(64).map(|chunk| chunk.iter().fold(0.0, |sum, square| sum + square)).collect();
    }
    squares.first().map_or(0.0, |square| square.sqrt())
}
