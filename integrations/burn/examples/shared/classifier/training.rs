//! The epochs: batches in a new order each time, then the test texts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::module::Module;
use burn::nn::loss::{BinaryCrossEntropyLossConfig, CrossEntropyLossConfig};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::activation::{sigmoid, softmax};
use burn::tensor::{Int, Tensor, TensorData};
use burn_wgpu_embedding::wgpu_embedding::text::{Matrix, PadOptions, Tokenizer, pad_sequences};
use burn_wgpu_embedding::wgpu_embedding::{IndexBatch, IndexStream};
use burn_wgpu_embedding::{SharedDevice, SparseEmbedding};
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

use super::corpus::Text;
use crate::program::Result;
use crate::summary::Layer;

/// Batches that are checked, sorted and uploaded ahead of the GPU.
const AHEAD: usize = 2;

/// A model that classifies texts by their words' rows.
pub trait Network: Module {
    fn embedding(&self) -> &SparseEmbedding;

    /// `[texts, words, floats]` to `[texts, outputs]`, before the last activation.
    fn forward(&self, rows: Tensor<3>) -> Tensor<2>;

    /// For the summary, texts being of so many words.
    fn layers(&self, length: usize) -> Vec<Layer>;
}

/// What the last layer's outputs stand for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Objective {
    /// One output, a sigmoid, and binary cross-entropy.
    Binary,
    /// As many outputs, a softmax over them, and categorical cross-entropy.
    Categorical(usize),
}

impl Objective {
    pub fn new(classes: usize) -> Self {
        if classes == 2 { Self::Binary } else { Self::Categorical(classes) }
    }

    pub fn outputs(self) -> usize {
        match self {
            Self::Binary => 1,
            Self::Categorical(classes) => classes,
        }
    }

    /// The mean over the batch. Taken of the outputs before the activation, where it is exact for sure ones too.
    fn loss(self, logits: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
        let device = logits.device();
        match self {
            Self::Binary => {
                let loss = BinaryCrossEntropyLossConfig::new().with_logits(true).init(&device);
                loss.forward(logits.squeeze_dim::<1>(1), labels)
            }
            Self::Categorical(_) => CrossEntropyLossConfig::new().init(&device).forward(logits, labels),
        }
    }

    /// How many of the batch are classified as labelled.
    fn hits(self, logits: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1, Int> {
        let classes = match self {
            Self::Binary => logits.squeeze_dim::<1>(1).greater_equal_elem(0).int(),
            Self::Categorical(_) => logits.argmax(1).squeeze_dim::<1>(1),
        };
        classes.equal(labels).int().sum()
    }

    /// How likely each class is, `[texts, classes]`.
    pub fn probabilities(self, logits: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Binary => {
                let positive = sigmoid(logits);
                Tensor::cat(vec![positive.clone().neg().add_scalar(1), positive], 1)
            }
            Self::Categorical(_) => softmax(logits, 1),
        }
    }
}

/// Texts in numbers, with their labels.
#[derive(Debug, Clone)]
pub struct Set {
    /// `[texts, length]`, padded in front as Keras does.
    words: Arc<Matrix<u32>>,
    labels: Arc<Vec<i32>>,
}

impl Set {
    pub fn new(texts: &[Text], tokenizer: &Tokenizer, length: usize) -> Result<Self> {
        let numbers = tokenizer.texts_to_sequences(texts.iter().map(|text| text.text.as_str()))?;
        let labels = texts.iter().map(|text| text.class as i32).collect();
        let words = pad_sequences(&numbers, &PadOptions::new().with_maxlen(length))?;
        Ok(Self { words: Arc::new(words), labels: Arc::new(labels) })
    }

    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// The batches in this order, prepared ahead by a thread of their own, with their labels.
    fn batches(
        &self,
        embedding: &SparseEmbedding,
        order: Vec<usize>,
        batch_size: usize,
    ) -> IndexStream<(IndexBatch, Vec<i32>)> {
        let maker = embedding.with_table(|table| table.batch_maker());
        let Self { words, labels } = self.clone();
        let count = order.len().div_ceil(batch_size);
        let batch = move |number: usize| {
            let texts = &order[number * batch_size..order.len().min((number + 1) * batch_size)];
            let batch = maker.batch(&words.select_rows(texts)?)?;
            Ok((batch, texts.iter().map(|&text| labels[text]).collect()))
        };
        IndexStream::prepare((0..count).map(batch), AHEAD)
    }
}

/// A pass over a set, in numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// The mean over the texts.
    pub loss: f64,
    /// The share of texts classified as they are labelled.
    pub accuracy: f64,
}

/// Sums on the device, read once a pass: to read each batch's would be to wait for the GPU each time.
struct Sums {
    loss: Tensor<1>,
    hits: Tensor<1, Int>,
    texts: usize,
}

impl Sums {
    fn new(shared: &SharedDevice) -> Self {
        let device = shared.device();
        Self { loss: Tensor::zeros([1], device), hits: Tensor::zeros([1], device), texts: 0 }
    }

    fn add(self, loss: Tensor<1>, hits: Tensor<1, Int>, texts: usize) -> Self {
        Self {
            loss: self.loss + loss.inner().mul_scalar(texts as f32),
            hits: self.hits + hits.inner(),
            texts: self.texts + texts,
        }
    }

    fn read(self) -> Result<Score> {
        let loss =
            self.loss.try_into_scalar::<f32>().map_err(|error| format!("the loss cannot be read: {error:?}"))?;
        let hits =
            self.hits.try_into_scalar::<i32>().map_err(|error| format!("the hits cannot be read: {error:?}"))?;
        let texts = self.texts as f64;
        Ok(Score { loss: f64::from(loss) / texts, accuracy: f64::from(hits) / texts })
    }
}

/// An epoch, in numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Epoch {
    /// Of each batch before its step.
    pub train: Score,
    /// After the epoch.
    pub test: Score,
    /// What training took, until the GPU was done; the test is not in it.
    pub training_time: Duration,
}

/// How to train.
pub struct Training {
    pub shared: SharedDevice,
    pub objective: Objective,
    pub batch_size: usize,
    pub learning_rate: f64,
}

impl Training {
    /// Trains for one epoch and tests; `after_batch` is called after each training step.
    pub fn epoch<N: Network>(
        &self,
        mut network: N,
        optimizer: &mut ModuleOptimizer,
        [train, test]: [&Set; 2],
        random: &mut ChaCha8Rng,
        after_batch: &dyn Fn(),
    ) -> Result<(N, Epoch)> {
        let mut order: Vec<_> = (0..train.len()).collect();
        order.shuffle(random);
        let start = Instant::now();
        let device = self.shared.device().clone().autodiff();
        let mut sums = Sums::new(&self.shared);
        let embedding = network.embedding().clone();
        let trains = embedding.with_table(|table| table.trainable());
        for batch in train.batches(&embedding, order, self.batch_size) {
            let (batch, labels) = batch?;
            let count = labels.len();
            let labels = Tensor::<1, Int>::from_data(TensorData::from(labels.as_slice()), &device);
            let logits = network.forward(embedding.lookup_batch::<3>(batch)?);
            let loss = self.objective.loss(logits.clone(), labels.clone());
            sums = sums.add(loss.clone(), self.objective.hits(logits, labels), count);
            let mut gradients = loss.backward();
            if trains {
                embedding.update(&mut gradients)?;
            }
            let gradients = GradientsParams::from_grads(gradients, &network);
            network = optimizer.step(self.learning_rate, network, gradients);
            after_batch();
        }
        let train = sums.read()?;
        let training_time = start.elapsed();
        let test = self.test(&network, test)?;
        Ok((network, Epoch { train, test, training_time }))
    }

    /// Loss and accuracy on texts that it is not trained on.
    fn test<N: Network>(&self, network: &N, set: &Set) -> Result<Score> {
        let mut sums = Sums::new(&self.shared);
        self.infer(network, set, |logits, labels| {
            let labels = Tensor::<1, Int>::from_data(TensorData::from(labels), self.shared.device());
            let loss = self.objective.loss(logits.clone(), labels.clone());
            let count = labels.dims()[0];
            // The closure has the sums while it runs.
            let before = std::mem::replace(&mut sums, Sums::new(&self.shared));
            sums = before.add(loss, self.objective.hits(logits, labels), count);
            Ok(())
        })?;
        sums.read()
    }

    /// How likely each class is of each text.
    pub fn classify<N: Network>(&self, network: &N, set: &Set) -> Result<Vec<Vec<f32>>> {
        let mut rows = Vec::new();
        self.infer(network, set, |logits, _| {
            let probabilities = self.objective.probabilities(logits);
            let [_, classes] = probabilities.dims();
            let data = probabilities.try_into_data().map_err(|error| format!("no scores can be read: {error:?}"))?;
            let values = data.try_into_vec::<f32>().map_err(|error| format!("scores of another type: {error:?}"))?;
            rows.extend(values.chunks(classes).map(<[f32]>::to_vec));
            Ok(())
        })?;
        Ok(rows)
    }

    /// Gives each batch's outputs, before the activation and without autodiff, and its labels.
    fn infer<N: Network>(
        &self,
        network: &N,
        set: &Set,
        mut take: impl FnMut(Tensor<2>, &[i32]) -> Result<()>,
    ) -> Result<()> {
        let network = network.valid();
        let embedding = network.embedding();
        for batch in set.batches(embedding, (0..set.len()).collect(), self.batch_size) {
            let (batch, labels) = batch?;
            take(network.forward(embedding.lookup_batch::<3>(batch)?), &labels)?;
        }
        Ok(())
    }
}
