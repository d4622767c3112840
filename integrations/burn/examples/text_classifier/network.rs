//! The model.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn_wgpu_embedding::SparseEmbedding;
use burn_wgpu_embedding::wgpu_embedding::{Adam, EmbeddingConfig};
use rand::rngs::ChaCha8Rng;

use crate::arguments::Arguments;
use crate::classifier::Setting;
use crate::classifier::training::Network;
use crate::keras::dense;
use crate::program::Result;
use crate::summary::Layer;

/// Outputs of the hidden layer.
const HIDDEN: usize = 128;

#[derive(Module, Debug)]
pub struct TextClassifier {
    embedding: SparseEmbedding,
    hidden: Linear,
    output: Linear,
}

impl TextClassifier {
    pub fn new(setting: &Setting<'_>, arguments: &Arguments, random: &mut ChaCha8Rng) -> Result<Self> {
        let shared = &arguments.shared;
        let config = EmbeddingConfig::new(shared.vocabulary, arguments.dim).with_seed(shared.seed);
        let adam = Adam::default().with_learning_rate(shared.learning_rate);
        let width = arguments.dim as usize;
        setting.check_size("a batch's rows", &[shared.batch_size, shared.length, width])?;
        setting.check_size("the hidden layer's weights", &[shared.length, width, HIDDEN])?;
        let device = setting.shared.device().clone().autodiff();
        Ok(Self {
            embedding: SparseEmbedding::new(setting.shared, config, adam)?,
            hidden: dense(shared.length * width, HIDDEN, random, &device),
            output: dense(HIDDEN, setting.outputs, random, &device),
        })
    }
}

impl Network for TextClassifier {
    fn embedding(&self) -> &SparseEmbedding {
        &self.embedding
    }

    fn forward(&self, rows: Tensor<3>) -> Tensor<2> {
        let hidden = relu(self.hidden.forward(rows.flatten::<2>(1, 2)));
        self.output.forward(hidden)
    }

    fn layers(&self, length: usize) -> Vec<Layer> {
        let [flat, hidden] = self.hidden.weight.dims();
        let [_, outputs] = self.output.weight.dims();
        let trains = self.embedding.with_table(|table| table.trainable());
        let embedding = Layer::new("embedding (Embedding)", &[length, flat / length], self.embedding.num_params());
        vec![
            embedding.with_trainable(trains),
            Layer::new("flatten (Flatten)", &[flat], 0),
            Layer::new("dense (Dense)", &[hidden], self.hidden.num_params()),
            Layer::new("dense_1 (Dense)", &[outputs], self.output.num_params()),
        ]
    }
}
