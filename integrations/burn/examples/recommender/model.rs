//! Matrix factorization: four tables in one Burn graph.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Gradients, Tensor};
use burn_wgpu_embedding::wgpu_embedding::{
    Adam, BatchMaker, EmbeddingConfig, Error as TableError, IndexBatch, Initializer,
};
use burn_wgpu_embedding::{SharedDevice, SparseEmbedding};

use crate::arguments::Arguments;
use crate::program::Result;
use crate::ratings::Ratings;
use crate::summary::Layer;

/// The first rows' standard deviation: small, so that the first predictions are the mean, but not so small as to give the
/// other side's rows no gradient.
const DEVIATION: f32 = 0.1;

/// Predicts a rating as the mean, a bias of the user, one of the item, and the dot product of their rows.
#[derive(Debug)]
pub struct Recommender {
    mean: f32,
    /// Users' rows, items' rows, users' biases, items' biases.
    tables: [SparseEmbedding; 4],
}

/// Users and items, one pair a prediction. Each serves both tables of its rows, wide or narrow.
pub struct Batch([Arc<IndexBatch>; 2]);

/// Makes batches, on any thread: of users, of items.
#[derive(Clone)]
pub struct BatchMakers([BatchMaker; 2]);

/// All tables' weights, on the host.
pub struct Weights(pub [Vec<f32>; 4]);

impl Recommender {
    pub fn new(shared: &SharedDevice, arguments: &Arguments, ratings: &Ratings, mean: f32) -> Result<Self> {
        let adam =
            Adam::default().with_learning_rate(arguments.learning_rate).with_weight_decay(arguments.weight_decay);
        let table = |rows: usize, width, initializer, number| -> Result<_> {
            let seed = arguments.seed.wrapping_mul(4).wrapping_add(number);
            let config =
                EmbeddingConfig::new(u32::try_from(rows)?, width).with_initializer(initializer).with_seed(seed);
            Ok(SparseEmbedding::new(shared, config, adam)?)
        };
        let normal = Initializer::Normal { mean: 0.0, stddev: DEVIATION };
        let (users, items) = (ratings.users.len(), ratings.items.len());
        let tables = [
            table(users, arguments.dim, normal.clone(), 0)?,
            table(items, arguments.dim, normal, 1)?,
            table(users, 1, Initializer::Zeros, 2)?,
            table(items, 1, Initializer::Zeros, 3)?,
        ];
        Ok(Self { mean, tables })
    }

    /// `[pairs, 1]` predictions.
    pub fn forward(&self, Batch([of_users, of_items]): Batch) -> Result<Tensor<2>> {
        let [users, items, user_biases, item_biases] = &self.tables;
        let users = users.lookup_batch::<2>(of_users.clone())?;
        let items = items.lookup_batch::<2>(of_items.clone())?;
        let biases = user_biases.lookup_batch::<2>(of_users)? + item_biases.lookup_batch::<2>(of_items)?;
        Ok((users * items).sum_dim(1) + biases + self.mean)
    }

    /// One step of each table, of the gradients of one loss.
    pub fn update(&self, gradients: &mut Gradients) -> Result<()> {
        for table in &self.tables {
            table.update(gradients)?;
        }
        Ok(())
    }

    /// The same tables, without autodiff.
    pub fn valid(&self) -> Self {
        Self { mean: self.mean, tables: self.tables.each_ref().map(Module::valid) }
    }

    pub fn batch_makers(&self) -> BatchMakers {
        let [users, items, ..] = &self.tables;
        BatchMakers([users, items].map(|table| table.with_table(|table| table.batch_maker())))
    }

    pub fn weights(&self) -> Result<Weights> {
        let mut weights = Weights(Default::default());
        for (weights, table) in weights.0.iter_mut().zip(&self.tables) {
            *weights = table.with_table(|table| table.weights())?;
        }
        Ok(weights)
    }

    pub fn set_weights(&self, weights: &Weights) -> Result<()> {
        for (weights, table) in weights.0.iter().zip(&self.tables) {
            table.with_table(|table| table.set_weights(weights))?;
        }
        Ok(())
    }

    /// The rows of items.
    pub fn item_rows(&self, items: &[u32]) -> Result<Vec<f32>> {
        Ok(self.tables[1].with_table(|table| table.rows(items))?)
    }

    /// For the summary.
    pub fn layers(&self) -> Vec<Layer> {
        let names = ["users", "items", "user biases", "item biases"];
        let layer = |(name, table): (&str, &SparseEmbedding)| {
            let (width, trainable) = table.with_table(|table| (table.output_dim(), table.trainable()));
            let name = format!("{name} (SparseEmbedding)");
            Layer::new(name, &[width as usize], table.num_params()).with_trainable(trainable)
        };
        let mut layers: Vec<_> = names.into_iter().zip(&self.tables).map(layer).collect();
        layers.push(Layer::new("prediction (Dot, Add)", &[1], 0));
        layers
    }
}

impl BatchMakers {
    /// Pairs of a user and an item.
    pub fn batch(&self, users: &[u32], items: &[u32]) -> Result<Batch, TableError> {
        let [of_users, of_items] = &self.0;
        Ok(Batch([Arc::new(of_users.batch(users)?), Arc::new(of_items.batch(items)?)]))
    }
}
