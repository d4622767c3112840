//! What is drawn: which of the frequent words are kept, and the negative samples.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

/// Both as in word2vec.c and gensim.
#[derive(Debug)]
pub struct Sampling {
    /// The probability that a word of the text is kept.
    keep: Vec<f64>,
    /// The running sums of `count^0.75`, words drawn by them.
    cumulative: Vec<f64>,
}

impl Sampling {
    /// `counts` of each word, `sample` as in `--sample`.
    pub fn new(counts: &[u64], sample: f64) -> Self {
        let threshold = sample * counts.iter().sum::<u64>() as f64;
        let keep = |&count: &u64| {
            if sample == 0.0 {
                return 1.0;
            }
            // word2vec.c's form. Mikolov et al. 2013 have sqrt(t / f) alone.
            // A tiny threshold must not make it infinite, of which the next line would make NaN.
            let share = (count as f64 / threshold).min(f64::MAX);
            ((share.sqrt() + 1.0) / share).min(1.0)
        };
        let mut sum = 0.0;
        let mut next_sum = |&count: &u64| {
            sum += (count as f64).powf(0.75);
            sum
        };
        Self { keep: counts.iter().map(keep).collect(), cumulative: counts.iter().map(&mut next_sum).collect() }
    }

    /// Whether a word of the text is kept this time.
    pub fn keeps(&self, word: u32, random: &mut ChaCha8Rng) -> bool {
        let keep = self.keep[word as usize];
        keep >= 1.0 || random.random::<f64>() < keep
    }

    /// A word, with a probability that goes with `count^0.75`.
    ///
    /// A binary search: one draw serves many pairs, so an alias table would not be felt.
    pub fn negative(&self, random: &mut ChaCha8Rng) -> u32 {
        let total = self.cumulative.last().copied().unwrap_or_default();
        let drawn = random.random::<f64>() * total;
        let word = self.cumulative.partition_point(|&sum| sum <= drawn);
        // Rounding may lift the product to the total.
        word.min(self.cumulative.len() - 1) as u32
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const DRAWS: usize = 200_000;

    fn shares(words: usize, mut draw: impl FnMut(&mut ChaCha8Rng) -> Option<u32>) -> Vec<f64> {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut drawn = vec![0; words];
        (0..DRAWS).filter_map(|_| draw(&mut random)).for_each(|word| drawn[word as usize] += 1);
        drawn.into_iter().map(|count: u32| f64::from(count) / DRAWS as f64).collect()
    }

    #[test]
    fn negatives_follow_the_three_quarter_power() {
        let counts = [10_000u64, 625, 16, 1];
        let sampling = Sampling::new(&counts, 1e-3);
        let powers = [1_000.0, 125.0, 8.0, 1.0];
        let drawn = shares(4, |random| Some(sampling.negative(random)));
        for (share, power) in drawn.iter().zip(powers) {
            let expected: f64 = power / 1_134.0;
            // Four standard deviations.
            let bound = 4.0 * (expected * (1.0 - expected) / DRAWS as f64).sqrt();
            assert!((share - expected).abs() < bound, "{share} and {expected}");
        }
    }

    #[test]
    fn frequent_words_are_thinned_out() {
        // Of a share f of the text, (sqrt(f / t) + 1) * t / f are kept: 0.5 with t = 0.02 gives 0.24.
        let sampling = Sampling::new(&[50, 49, 1], 0.02);
        assert!((sampling.keep[0] - 0.24).abs() < 1e-12, "{}", sampling.keep[0]);
        assert_eq!(sampling.keep[2], 1.0);
        let kept = shares(1, |random| sampling.keeps(0, random).then_some(0));
        assert!((kept[0] - 0.24).abs() < 4.0 * (0.24f64 * 0.76 / DRAWS as f64).sqrt(), "{}", kept[0]);
        assert_eq!(Sampling::new(&[50, 49, 1], 0.0).keep, [1.0; 3]);
    }
}
