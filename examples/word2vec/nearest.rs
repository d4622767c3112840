//! The words nearest to one.

/// The `count` words whose vectors have the largest cosine with that of `word`, itself left out, nearest first.
///
/// `vectors` is `[words, dim]`.
pub fn nearest(vectors: &[f32], dim: usize, word: usize, count: usize) -> Vec<(usize, f32)> {
    let row = |word: usize| &vectors[word * dim..(word + 1) * dim];
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let norm = |word: usize| dot(row(word), row(word)).sqrt().max(f32::MIN_POSITIVE);
    let cosine = |other: usize| dot(row(word), row(other)) / (norm(word) * norm(other));
    let others = (0..vectors.len() / dim).filter(|&other| other != word);
    let mut found: Vec<_> = others.map(|other| (other, cosine(other))).collect();
    found.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    found.truncate(count);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_cosine_comes_first() {
        let vectors = [2.0, 0.0, 0.0, 9.0, 5.0, 5.0, 0.5, 0.1, -1.0, 0.0, 0.0, 0.0];
        let order: Vec<_> = nearest(&vectors, 2, 0, 9).into_iter().map(|(word, _)| word).collect();
        // Ties, and the word without a vector, in the vocabulary's order.
        assert_eq!(order, [3, 2, 1, 5, 4]);
        let (word, cosine) = nearest(&vectors, 2, 2, 1)[0];
        assert_eq!(word, 3);
        assert!((cosine - 3.0 / 13f32.sqrt()).abs() < 0.03, "{cosine}");
    }
}
