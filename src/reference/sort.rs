/// A batch's kept lookups, sorted, and their runs: one for each distinct row.
#[derive(Debug, Clone, PartialEq)]
pub struct SortedLookups {
    /// Positions of the kept lookups in the batch, by row, then by position.
    pub order: Vec<u32>,
    /// The distinct rows, rising.
    pub rows: Vec<u32>,
    /// Where in `order` each row's lookups start, and at last the length of `order`.
    pub starts: Vec<u32>,
}

/// Sorts a batch's lookups by row.
///
/// A lookup is kept if its index is below `input_dim` and is not `padding_idx`.
///
/// # Panics
///
/// If there are more than 2^32 indices.
pub fn sort(indices: &[u32], input_dim: u32, padding_idx: Option<u32>) -> SortedLookups {
    let row = |position: u32| indices[position as usize];
    let length = u32::try_from(indices.len()).expect("positions are u32");
    let mut order: Vec<u32> =
        (0..length).filter(|&position| row(position) < input_dim && Some(row(position)) != padding_idx).collect();
    order.sort_by_key(|&position| row(position));

    let mut rows: Vec<u32> = order.iter().map(|&position| row(position)).collect();
    rows.dedup();
    let mut starts: Vec<u32> =
        rows.iter().map(|&first| order.partition_point(|&position| row(position) < first) as u32).collect();
    starts.push(order.len() as u32);
    SortedLookups { order, rows, starts }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookups_are_sorted_stably_without_padding_and_bad_ones() {
        let sorted = sort(&[9, 2, 9, 0, 10, 2, 7, u32::MAX, 9], 10, Some(7));
        assert_eq!(sorted.order, [3, 1, 5, 0, 2, 8]);
        assert_eq!(sorted.rows, [0, 2, 9]);
        assert_eq!(sorted.starts, [0, 1, 3, 6]);
        assert_eq!(sort(&[], 10, None).starts, [0]);
    }
}
