use std::cmp::Ordering;

/// The `k` best of one query's scores, each with its row: by falling score, equal ones by rising row, NaN last. Rows in
/// `excluded` are none of them.
pub fn top_k(scores: &[f32], k: usize, excluded: &[u32]) -> Vec<(u32, f32)> {
    let mut excluded = excluded.to_vec();
    excluded.sort_unstable();
    let mut rows: Vec<(u32, f32)> = (0..)
        .zip(scores)
        .filter(|(row, _)| excluded.binary_search(row).is_err())
        // Adding +0 makes +0 of -0.
        .map(|(row, score)| (row, score + 0.0))
        .collect();
    let order = |a: &(u32, f32), b: &(u32, f32)| {
        let by_score = b.1.partial_cmp(&a.1).unwrap_or_else(|| a.1.is_nan().cmp(&b.1.is_nan()));
        by_score.then_with(|| a.0.cmp(&b.0))
    };
    let k = k.min(rows.len());
    if k < rows.len() {
        rows.select_nth_unstable_by(k, order);
    }
    rows.truncate(k);
    rows.sort_unstable_by(order);
    debug_assert!(rows.windows(2).all(|pair| order(&pair[0], &pair[1]) == Ordering::Less));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_lower_row_and_nan_comes_last() {
        let scores = [0.0, 2.0, f32::NAN, -0.0, 2.0, f32::NEG_INFINITY];
        let rows = |k, excluded: &[u32]| top_k(&scores, k, excluded).iter().map(|best| best.0).collect::<Vec<_>>();
        assert_eq!(rows(10, &[]), [1, 4, 0, 3, 5, 2]);
        assert_eq!(rows(1, &[]), [1]);
        assert_eq!(rows(3, &[4, 0, 4]), [1, 3, 5]);
        assert!(rows(0, &[]).is_empty());
    }
}
