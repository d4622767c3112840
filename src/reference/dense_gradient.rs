use super::RowSums;

/// The summed gradient as a dense table, `[input_dim, output_dim]`: zeros where the batch has no row.
///
/// # Panics
///
/// If `output_dim` is 0, or a row is not below `input_dim`.
pub fn dense_gradient(sums: &RowSums, input_dim: usize, output_dim: usize) -> Vec<f32> {
    let mut dense = vec![0.0; input_dim * output_dim];
    for (&row, sum) in sums.rows.iter().zip(sums.sums.chunks_exact(output_dim)) {
        dense[row as usize * output_dim..][..output_dim].copy_from_slice(sum);
    }
    dense
}
