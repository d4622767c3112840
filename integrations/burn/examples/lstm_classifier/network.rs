//! The model.

use burn::module::Module;
use burn::nn::{Linear, Lstm};
use burn::tensor::Tensor;
use burn_wgpu_embedding::SparseEmbedding;
use burn_wgpu_embedding::wgpu_embedding::text::Tokenizer;
use burn_wgpu_embedding::wgpu_embedding::vectors::{
    EmbeddingMatrix, MatrixOptions, ReadOptions, ReadReport, VectorReader, embedding_matrix_with,
};
use burn_wgpu_embedding::wgpu_embedding::{Adam, EmbeddingConfig, Error, Initializer};
use rand::rngs::ChaCha8Rng;
use std::io::{self, Write};
use std::path::Path;

use crate::arguments::{Arguments, Vectors};
use crate::classifier::Setting;
use crate::classifier::training::Network;
use crate::keras::dense;
use crate::lstm::lstm;
use crate::program::Result;
use crate::summary::Layer;
use crate::vector_files;

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
            Vectors::Pretrained { file, fine_tune, skip_bad } => {
                let (matrix, report) = matrix(tokenizer, shared.vocabulary, file, *skip_bad)?;
                let EmbeddingMatrix { values, rows, width, found, missing, .. } = matrix;
                let (name, words) = (file.display(), found + missing);
                if *skip_bad {
                    writeln!(io::stdout(), "{name}: {report}")?;
                }
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

/// The words' vectors in a file, of which those that the table needs are kept, and what was met there.
pub fn matrix(
    tokenizer: &Tokenizer,
    rows: u32,
    file: &Path,
    skip_bad: bool,
) -> Result<(EmbeddingMatrix, ReadReport)> {
    let options = ReadOptions::default();
    let options = if skip_bad { vector_files::skip_bad(options) } else { options };
    let in_words = |error: Error| vector_files::in_words(&error, false);
    let mut reader = VectorReader::open(file, &options).map_err(in_words)?;
    let options = MatrixOptions::default().with_num_words(rows);
    let matrix = embedding_matrix_with(tokenizer.word_index(), &mut reader, &options).map_err(in_words)?;
    let report = reader.report();
    if report.vectors == 0 {
        let which = if skip_bad { " that --skip-bad leaves" } else { "" };
        return Err(format!("{} has no vectors{which}", file.display()).into());
    }
    Ok((matrix, report))
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
