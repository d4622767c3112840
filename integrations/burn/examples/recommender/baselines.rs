//! What a model must beat: predictions by means alone.

use crate::ratings::Rating;

/// Root mean squared errors on the held-out ratings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Baselines {
    /// Always saying the mean.
    pub mean: f64,
    /// The mean, and by how much the user's and the item's own means differ from it.
    pub user_and_item_means: f64,
}

/// The mean of all ratings.
pub fn mean(ratings: &[Rating]) -> f64 {
    ratings.iter().map(|rating| f64::from(rating.stars)).sum::<f64>() / ratings.len() as f64
}

/// Fits the means to the training ratings.
pub fn baselines(train: &[Rating], test: &[Rating], users: usize, items: usize) -> Baselines {
    let mean = mean(train);
    let of_users = differences(train, mean, users, |rating| rating.user);
    let of_items = differences(train, mean, items, |rating| rating.item);
    Baselines {
        mean: rmse(test, |_, _| mean),
        user_and_item_means: rmse(test, |_, rating| {
            mean + of_users[rating.user as usize] + of_items[rating.item as usize]
        }),
    }
}

/// The root mean squared error of a prediction of each rating, given its number and the rating.
pub fn rmse(ratings: &[Rating], predict: impl Fn(usize, &Rating) -> f64) -> f64 {
    let square = |(number, rating): (usize, &Rating)| (predict(number, rating) - f64::from(rating.stars)).powi(2);
    (ratings.iter().enumerate().map(square).sum::<f64>() / ratings.len() as f64).sqrt()
}

/// By how much each row's mean differs from the mean of all; not at all where it has no rating.
fn differences(ratings: &[Rating], mean: f64, rows: usize, row: impl Fn(&Rating) -> u32) -> Vec<f64> {
    let mut sums = vec![(0.0, 0_u32); rows];
    for rating in ratings {
        let (sum, count) = &mut sums[row(rating) as usize];
        *sum += f64::from(rating.stars) - mean;
        *count += 1;
    }
    sums.into_iter().map(|(sum, count)| sum / f64::from(count.max(1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_ratings_by_hand() {
        let rating = |user, item, stars| Rating { user, item, stars };
        let train = [rating(0, 0, 5.0), rating(0, 1, 3.0), rating(1, 0, 3.0), rating(1, 1, 1.0)];
        // Mean 3; users +1 and -1; items +1 and -1; nothing is known of user 2 and item 2.
        let test = [rating(0, 0, 4.5), rating(1, 1, 2.0), rating(2, 1, 2.5), rating(0, 2, 4.0)];
        let Baselines { mean, user_and_item_means } = baselines(&train, &test, 3, 3);
        assert_eq!(mean, ((2.25 + 1.0 + 0.25 + 1.0) / 4.0_f64).sqrt());
        // It says 5, 1, 2 and 4.
        assert_eq!(user_and_item_means, ((0.25 + 1.0 + 0.25 + 0.0) / 4.0_f64).sqrt());
    }
}
