/// `output[i, :] = table[indices[i], :]`, zeros where an index is outside the table.
///
/// `table` is `[rows, output_dim]`; the output is `[indices.len(), output_dim]`.
///
/// # Panics
///
/// If `output_dim` is 0.
pub fn gather(table: &[f32], output_dim: usize, indices: &[u32]) -> Vec<f32> {
    let mut output = Vec::with_capacity(indices.len() * output_dim);
    for &index in indices {
        match table.chunks_exact(output_dim).nth(index as usize) {
            Some(row) => output.extend_from_slice(row),
            None => output.resize(output.len() + output_dim, 0.0),
        }
    }
    output
}
