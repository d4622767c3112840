use std::collections::BTreeMap;

/// The summed gradient: the batch's distinct rows, rising, and the sum of each, `[rows.len(), output_dim]`.
#[derive(Debug, Clone, PartialEq)]
pub struct RowSums {
    /// The distinct rows of the batch, rising.
    pub rows: Vec<u32>,
    /// The sum of each row's gradients, row after row.
    pub sums: Vec<f32>,
}

/// Sums the gradients of each row's lookups in the crate's fixed order.
///
/// A row's gradients are taken in batch order and cut in chunks of 64 from the row's own first; a chunk is summed first
/// to last, and so are the chunks' sums, again in chunks of 64, until one sum is left. Lookups for which `keep` is false
/// (the padding row, indices outside the table) give nothing.
///
/// `gradient` is `[indices.len(), output_dim]`.
///
/// # Panics
///
/// If `output_dim` is 0.
pub fn scatter_add(gradient: &[f32], output_dim: usize, indices: &[u32], keep: impl Fn(u32) -> bool) -> RowSums {
    let mut lookups: BTreeMap<u32, Vec<&[f32]>> = BTreeMap::new();
    for (&index, lookup) in indices.iter().zip(gradient.chunks_exact(output_dim)) {
        if keep(index) {
            lookups.entry(index).or_default().push(lookup);
        }
    }
    let mut row_sums = RowSums { rows: Vec::new(), sums: Vec::new() };
    for (row, lookups) in lookups {
        let mut items: Vec<Vec<f32>> = lookups.chunks(64).map(sum).collect();
        while items.len() > 1 {
            items = items.chunks(64).map(sum).collect();
        }
        row_sums.rows.push(row);
        row_sums.sums.extend(&items[0]);
    }
    row_sums
}

/// The sum of at least one row, first to last.
fn sum<T: AsRef<[f32]>>(items: &[T]) -> Vec<f32> {
    let mut total = items[0].as_ref().to_vec();
    for item in &items[1..] {
        for (total, value) in total.iter_mut().zip(item.as_ref()) {
            *total += value;
        }
    }
    total
}
