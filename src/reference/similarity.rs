/// `scores[query, row]`: the sum of the products of their elements, or with `cosine` that over the row's length.
///
/// `table` is `[rows, output_dim]`, `queries` `[.., output_dim]`, of length 1 for the cosine; a row without length has
/// cosine 0.
///
/// # Panics
///
/// If `output_dim` is 0.
pub fn similarity(table: &[f32], output_dim: usize, queries: &[f32], cosine: bool) -> Vec<f32> {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let mut scores = Vec::with_capacity(queries.len() / output_dim * (table.len() / output_dim));
    for query in queries.chunks_exact(output_dim) {
        scores.extend(table.chunks_exact(output_dim).map(|row| {
            let length = if cosine { product(row, row).sqrt() } else { 1.0 };
            if length == 0.0 { 0.0 } else { product(query, row) / length }
        }));
    }
    scores
}
