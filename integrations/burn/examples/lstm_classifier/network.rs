//! The model.

use burn::module::Module;
use burn::nn::{Linear, Lstm};
use burn::tensor::Tensor;
use burn_wgpu_embedding::SparseEmbedding;
use burn_wgpu_embedding::wgpu_embedding::text::Tokenizer;
use burn_wgpu_embedding::wgpu_embedding::vectors::{
    EmbeddingMatrix, MatrixOptions, ReadOptions, VectorReader, embedding_matrix_with,
};
use burn_wgpu_embedding::wgpu_embedding::{Adam, EmbeddingConfig, Error, Initializer};
use rand::rngs::ChaCha8Rng;
use std::io::{self, Write};

use crate::arguments::{Arguments, Vectors};
use crate::classifier::Setting;
use crate::classifier::training::Network;
use crate::keras::dense;
use crate::lstm::lstm;
use crate::program::Result;
use crate::summary::Layer;

#[derive(Module, Debug)]
pub struct LstmClassifier {
    embedding: SparseEmbedding,
    lstm: Lstm,
    output: Linear,
}

impl LstmClassifier {
    pub fn new(
        setting: &Setting<'_>,
        tokenizer: &Tokenizer,
        arguments: &Arguments,
        random: &mut ChaCha8Rng,
    ) -> Result<Self> {
        let shared = &arguments.shared;
        let config = match &arguments.vectors {
            Vectors::Own { dim } => EmbeddingConfig::new(shared.vocabulary, *dim),
            Vectors::Pretrained { file, fine_tune } => {
                let EmbeddingMatrix { values, rows, width, found, missing, .. } =
                    matrix(tokenizer, shared.vocabulary, file)?;
                let (name, words) = (file.display(), found + missing);
                writeln!(
                    io::stdout(),
                    "{name}: vectors of {width} numbers for {found} of {words} words, zeros for {missing}"
                )?;
                if found == 0 {
                    return Err(format!(
                        "{name}: it has none of the texts' {words} words; are its words in lower case?"
                    )
                    .into());
                }
                EmbeddingConfig::new(rows, width)
                    .with_initializer(Initializer::Matrix(values))
                    .with_trainable(*fine_tune)
            }
        };
        let adam = Adam::default().with_learning_rate(shared.learning_rate);
        let width = config.output_dim as usize;
        setting.check_size("a batch's rows", &[shared.batch_size, shared.length, width])?;
        setting.check_size("a batch's states", &[shared.batch_size, shared.length, arguments.units])?;
        let embedding = SparseEmbedding::new(setting.shared, config.with_seed(shared.seed), adam)?;
        let device = setting.shared.device().clone().autodiff();
        Ok(Self {
            embedding,
            lstm: lstm(width, arguments.units, random, &device),
            output: dense(arguments.units, setting.outputs, random, &device),
        })
    }
}

/// The words' vectors in a file, of which those that the table needs are kept.
fn matrix(tokenizer: &Tokenizer, rows: u32, file: &std::path::Path) -> Result<EmbeddingMatrix> {
    let reader = VectorReader::open(file, &ReadOptions::default()).map_err(without_rust)?;
    let options = MatrixOptions::default().with_num_words(rows);
    Ok(embedding_matrix_with(tokenizer.word_index(), reader, &options).map_err(without_rust)?)
}

/// Without the advice to call the library in another way, which is for programmers.
fn without_rust(error: Error) -> String {
    let Error::Malformed { what, place, problem } = error else {
        return error.to_string();
    };
    let for_programmers = |(_, advice): &(&str, &str)| advice.contains("ReadOptions::");
    let problem = problem.rsplit_once("; ").filter(for_programmers).map_or(problem.as_str(), |(problem, _)| problem);
    format!("{what}, {place}: {problem}; mend the file there, or give another")
}

impl Network for LstmClassifier {
    fn embedding(&self) -> &SparseEmbedding {
        &self.embedding
    }

    fn forward(&self, rows: Tensor<3>) -> Tensor<2> {
        let (_, last) = self.lstm.forward(rows, None);
        self.output.forward(last.hidden)
    }

    fn layers(&self, length: usize) -> Vec<Layer> {
        let (width, trains) = self.embedding.with_table(|table| (table.output_dim(), table.trainable()));
        let [units, outputs] = self.output.weight.dims();
        let embedding = Layer::new("embedding (Embedding)", &[length, width as usize], self.embedding.num_params());
        vec![
            embedding.with_trainable(trains),
            Layer::new("lstm (LSTM)", &[units], self.lstm.num_params()),
            Layer::new("dense (Dense)", &[outputs], self.output.num_params()),
        ]
    }
}
