//! Ratings that the example makes up, whose noise is known.

use std::collections::HashSet;
use std::fmt::Write;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

const USERS: usize = 600;
const ITEMS: usize = 400;
const RATINGS: usize = 30_000;

/// Directions in which tastes differ.
const FACTORS: usize = 4;

/// Of a rating, in stars, before it is rounded to half stars.
const NOISE: f64 = 0.5;

/// Made-up ratings, always the same.
pub struct MadeUp {
    /// In MovieLens's format.
    pub csv: String,
    /// What each rating would be without noise, in the same order: no model can predict better.
    pub noiseless: Vec<f32>,
}

pub fn ratings() -> MadeUp {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut normal = |deviation: f64| -> f64 {
        let value: f64 = StandardNormal.sample(&mut random);
        value * deviation
    };
    // Their products then have a deviation of sqrt(FACTORS) * 0.6^2 = 0.72 stars.
    let mut factors =
        |count: usize| -> Vec<[f64; FACTORS]> { (0..count).map(|_| [(); FACTORS].map(|()| normal(0.6))).collect() };
    let (user_factors, item_factors) = (factors(USERS), factors(ITEMS));
    let user_biases: Vec<_> = (0..USERS).map(|_| normal(0.35)).collect();
    let item_biases: Vec<_> = (0..ITEMS).map(|_| normal(0.35)).collect();
    let (user_ids, item_ids) = (sparse_ids(USERS, &mut random), sparse_ids(ITEMS, &mut random));

    let mut made_up = MadeUp { csv: "userId,movieId,rating,timestamp\n".to_owned(), noiseless: Vec::new() };
    let mut rated = HashSet::new();
    let mut timestamp = 1_000_000_000_u64;
    while made_up.noiseless.len() < RATINGS {
        // A few items are rated often, as everywhere.
        let (user, share) = (random.random_range(0..USERS), random.random_range(0.0..1.0_f64));
        let item = ((share * share) * ITEMS as f64) as usize;
        if !rated.insert((user, item)) {
            continue;
        }
        let product: f64 = user_factors[user].iter().zip(&item_factors[item]).map(|(a, b)| a * b).sum();
        let noiseless = (3.5 + user_biases[user] + item_biases[item] + product).clamp(0.5, 5.0);
        let noise: f64 = StandardNormal.sample(&mut random);
        let stars = ((noiseless + NOISE * noise) * 2.0).round().clamp(1.0, 10.0) / 2.0;
        timestamp += random.random_range(1..20_000);
        writeln!(made_up.csv, "{},{},{stars:.1},{timestamp}", user_ids[user], item_ids[item])
            .expect("a string has room");
        made_up.noiseless.push(noiseless as f32);
    }
    made_up
}

/// Distinct ids with gaps, as those of a part of a larger set.
fn sparse_ids(count: usize, random: &mut ChaCha8Rng) -> Vec<u64> {
    let mut id = 0;
    (0..count)
        .map(|_| {
            id += random.random_range(1..500);
            id
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ratings::Ratings;

    #[test]
    fn they_are_half_stars_of_distinct_pairs() {
        let MadeUp { csv, noiseless } = ratings();
        let read = Ratings::from_csv("made up", csv.as_bytes()).unwrap();
        assert_eq!((read.all.len(), noiseless.len()), (RATINGS, RATINGS));
        assert_eq!(read.users.len(), USERS);
        assert!((ITEMS - 20..=ITEMS).contains(&read.items.len()));
        let pairs: HashSet<_> = read.all.iter().map(|rating| (rating.user, rating.item)).collect();
        assert_eq!(pairs.len(), RATINGS);
        assert!(
            read.all.iter().all(|rating| (0.5..=5.0).contains(&rating.stars) && (rating.stars * 2.0).fract() == 0.0)
        );
        // The noise, and that of rounding to half stars; less where it ends at half a star or five.
        let squares =
            read.all.iter().zip(&noiseless).map(|(rating, noiseless)| f64::from(rating.stars - noiseless).powi(2));
        let rmse = (squares.sum::<f64>() / RATINGS as f64).sqrt();
        assert!((0.45..0.53).contains(&rmse), "{rmse}");
    }
}
