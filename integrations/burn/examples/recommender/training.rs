//! The epochs: batches in a new order each time, then the held-out ratings; and the items to recommend.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::tensor::{Device, Tensor, TensorData};
use burn_wgpu_embedding::SharedDevice;
use burn_wgpu_embedding::wgpu_embedding::IndexStream;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

use crate::model::{Batch, BatchMakers, Recommender, Weights};
use crate::program::Result;
use crate::ratings::Rating;

/// Batches that are checked, sorted and uploaded ahead of the GPU.
const AHEAD: usize = 2;

/// Predictions made at once, when one user's are wanted of all items.
const PREDICTED: usize = 1 << 16;

/// An epoch, in numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Epoch {
    /// Root mean squared error on the training ratings, each batch before its step.
    pub train: f64,
    /// On the held-out ratings, after the epoch.
    pub test: f64,
    /// What training took, until the GPU was done; the test is not in it.
    pub training_time: Duration,
}

/// The rows of the best epoch so far.
pub struct Best {
    /// From 0.
    pub epoch: usize,
    pub weights: Weights,
}

/// The ratings, and how to train on them.
pub struct Training {
    pub shared: SharedDevice,
    pub train: Arc<Vec<Rating>>,
    pub test: Arc<Vec<Rating>>,
    pub batch_size: usize,
}

impl Training {
    /// Trains for one epoch and tests; `after_batch` is called after each training step.
    pub fn epoch(&self, model: &Recommender, random: &mut ChaCha8Rng, after_batch: &dyn Fn()) -> Result<Epoch> {
        let mut order: Vec<_> = (0..self.train.len()).collect();
        order.shuffle(random);
        let start = Instant::now();
        let device = self.shared.device().clone().autodiff();
        // Summed on the device, and read once: to read each batch's would be to wait for the GPU each time.
        let mut sum = Tensor::zeros([1], self.shared.device());
        for batch in self.batches(&self.train, order, model.batch_makers()) {
            let (batch, stars) = batch?;
            let errors = squared_errors(model, batch, &stars, &device)?;
            sum = sum + errors.clone().inner().sum();
            model.update(&mut errors.mean().backward())?;
            after_batch();
        }
        let train = root_mean(sum, self.train.len())?;
        let training_time = start.elapsed();
        Ok(Epoch { train, test: self.test(model)?, training_time })
    }

    fn test(&self, model: &Recommender) -> Result<f64> {
        let model = model.valid();
        let mut sum = Tensor::zeros([1], self.shared.device());
        for batch in self.batches(&self.test, (0..self.test.len()).collect(), model.batch_makers()) {
            let (batch, stars) = batch?;
            sum = sum + squared_errors(&model, batch, &stars, self.shared.device())?.sum();
        }
        root_mean(sum, self.test.len())
    }

    /// The batches in this order, prepared ahead by a thread of their own, with their stars.
    fn batches(
        &self,
        ratings: &Arc<Vec<Rating>>,
        order: Vec<usize>,
        makers: BatchMakers,
    ) -> IndexStream<(Batch, Vec<f32>)> {
        let (ratings, batch_size) = (ratings.clone(), self.batch_size);
        let count = order.len().div_ceil(batch_size);
        let batch = move |number: usize| {
            let chosen = &order[number * batch_size..order.len().min((number + 1) * batch_size)];
            let chosen: Vec<Rating> = chosen.iter().map(|&rating| ratings[rating]).collect();
            let users: Vec<_> = chosen.iter().map(|rating| rating.user).collect();
            let items: Vec<_> = chosen.iter().map(|rating| rating.item).collect();
            Ok((makers.batch(&users, &items)?, chosen.iter().map(|rating| rating.stars).collect()))
        };
        IndexStream::prepare((0..count).map(batch), AHEAD)
    }
}

/// `[batch, 1]`
fn squared_errors(model: &Recommender, batch: Batch, stars: &[f32], device: &Device) -> Result<Tensor<2>> {
    let stars = Tensor::from_data(TensorData::new(stars.to_vec(), [stars.len(), 1]), device);
    Ok((model.forward(batch)? - stars).powi_scalar(2))
}

fn root_mean(sum: Tensor<1>, count: usize) -> Result<f64> {
    let sum = sum.try_into_scalar::<f32>().map_err(|error| format!("the error cannot be read: {error:?}"))?;
    Ok((f64::from(sum) / count as f64).sqrt())
}

/// The items with the best predictions for a user, best first, of those that are not among the `rated` ones.
pub fn top_items(
    model: &Recommender,
    user: u32,
    items: u32,
    rated: &HashSet<u32>,
    count: usize,
) -> Result<Vec<(u32, f32)>> {
    let unrated: Vec<_> = (0..items).filter(|item| !rated.contains(item)).collect();
    let model = model.valid();
    let makers = model.batch_makers();
    let mut found = Vec::new();
    for items in unrated.chunks(PREDICTED) {
        let predictions = model.forward(makers.batch(&vec![user; items.len()], items)?)?;
        let data = predictions.try_into_data().map_err(|error| format!("no predictions can be read: {error:?}"))?;
        let stars = data.try_into_vec::<f32>().map_err(|error| format!("predictions of another type: {error:?}"))?;
        found.extend(items.iter().copied().zip(stars));
    }
    found.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    found.truncate(count);
    Ok(found)
}
