//! What a table is: its size, its first values, and how indices are read.

use crate::error::{Error, Result};
use crate::initializer::Initializer;
use crate::storage::{Precision, Rounding, Storage};

/// The largest `input_dim`: [`INVALID`] and [`PADDING`] are no rows.
pub const MAX_INPUT_DIM: u32 = PADDING;

/// A GPU-resident index that is a row of no table: -1 as an i32.
///
/// It gives zeros and no gradient, and is counted, as every index outside the table but [`PADDING`] is.
pub const INVALID: u32 = u32::MAX;

/// A GPU-resident index that stands for no lookup: -2 as an i32.
///
/// It gives zeros and no gradient, and no [`check`](crate::GpuEmbedding::check) counts it. A kernel that writes fewer indices
/// than the batch has room for fills the rest up with it.
pub const PADDING: u32 = u32::MAX - 1;

/// The name of a table's own array, beside those of the optimizer's state.
pub(crate) const WEIGHT: &str = "weight";

/// Describes an embedding table, in the words of Keras's `Embedding` layer, and PyTorch's where Keras has none.
///
/// Nothing is checked while it is put together; [`GpuEmbedding::new`](crate::GpuEmbedding::new) calls
/// [`validate`](Self::validate) first.
///
/// ```
/// use wgpu_embedding::{EmbeddingConfig, Initializer};
///
/// // keras.layers.Embedding(10_000, 128, mask_zero=True)
/// let config = EmbeddingConfig::new(10_000, 128).with_mask_zero(true).with_seed(7);
/// config.validate()?;
///
/// // torch.nn.Embedding.from_pretrained(matrix, freeze=True)
/// let pretrained = EmbeddingConfig::new(2, 3)
///     .with_initializer(Initializer::Matrix(vec![0.1, 0.2, 0.3, 0.4, 0.5, 0.6]))
///     .with_trainable(false);
/// pretrained.validate()?;
/// # Ok::<(), wgpu_embedding::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EmbeddingConfig {
    /// Rows of the table: indices run from 0 to `input_dim - 1`.
    #[doc(alias = "num_embeddings")]
    pub input_dim: u32,
    /// Floats in a row; any number from 1.
    #[doc(alias = "embedding_dim")]
    pub output_dim: u32,
    /// The table's first values; Keras's default, uniform in -0.05..0.05, unless given.
    #[doc(alias = "embeddings_initializer")]
    pub initializer: Initializer,
    /// Seeds the initializer; the same seed gives the same table on every machine. 0 unless given.
    pub seed: u64,
    /// Whether index 0 is padding that later layers should skip. It makes a mask and nothing else: row 0 is
    /// looked up and trained like any other, as in Keras. See [`padding_idx`](Self::padding_idx) for a row that
    /// does not train.
    pub mask_zero: bool,
    /// A row that gets no gradient, as in PyTorch: it is looked up like any other, an initializer that draws
    /// numbers leaves it zero, and [`Initializer::Matrix`] and `set_weights` give it what the matrix has.
    pub padding_idx: Option<u32>,
    /// If given, a batch whose last dimension differs is an error.
    pub input_length: Option<usize>,
    /// Whether the table can be updated. A frozen table keeps no optimizer state. True unless given.
    #[doc(alias = "freeze")]
    pub trainable: bool,
    /// The most bytes of weights that one GPU buffer holds; the device's own limit unless given. A larger table is
    /// split by whole rows, which changes no result. On a GPU, bytes for fewer rows than shards are cut by (64 at most)
    /// are an error of the table's constructor.
    pub max_shard_bytes: Option<u64>,
    /// How the weights are kept; in f32 unless given.
    #[doc(alias = "dtype")]
    pub storage: Storage,
    /// How weights in half precision are rounded; stochastically unless given.
    pub rounding: Rounding,
}

/// What a table is, but for its size and its first values: batches, tables and checkpoints go by it.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct TableSpec {
    pub trainable: bool,
    pub mask_zero: bool,
    // Every field must be there in a checkpoint: serde would take a missing `Option` for `None`.
    #[cfg_attr(feature = "files", serde(deserialize_with = "crate::json::whole_or_null"))]
    pub padding_idx: Option<u32>,
    #[cfg_attr(feature = "files", serde(deserialize_with = "crate::json::whole_or_null"))]
    pub input_length: Option<usize>,
    #[cfg_attr(feature = "files", serde(deserialize_with = "crate::json::whole_or_null"))]
    pub max_shard_bytes: Option<u64>,
    #[cfg_attr(feature = "files", serde(deserialize_with = "crate::json::whole"))]
    pub seed: u64,
    // Checkpoints of tables in f32 do not have it; where it is, `requires` names it.
    #[cfg_attr(feature = "files", serde(default, skip_serializing_if = "Precision::is_single"))]
    pub precision: Precision,
    /// The name of the initializer, for whoever reads a checkpoint.
    pub initializer: String,
}

#[cfg(all(feature = "files", not(target_arch = "wasm32")))]
impl TableSpec {
    /// The configuration of a table of this size, without an initializer.
    pub(crate) fn config(&self, input_dim: usize, output_dim: usize) -> Result<EmbeddingConfig> {
        let &Self { trainable, mask_zero, padding_idx, input_length, max_shard_bytes, seed, precision, .. } = self;
        let Precision { storage, rounding } = precision;
        let fit = |(what, given): (&str, usize)| {
            let problem = |_| Error::InvalidConfig(format!("{what} must be at most {}, and is {given}", u32::MAX));
            u32::try_from(given).map_err(problem)
        };
        let sizes = EmbeddingConfig::new(fit(("input_dim", input_dim))?, fit(("output_dim", output_dim))?);
        let sizes = EmbeddingConfig { storage, rounding, ..sizes };
        let config =
            EmbeddingConfig { trainable, mask_zero, padding_idx, input_length, max_shard_bytes, seed, ..sizes };
        config.validate()?;
        Ok(config)
    }
}

impl EmbeddingConfig {
    pub(crate) fn spec(&self) -> TableSpec {
        let &Self { trainable, mask_zero, padding_idx, input_length, max_shard_bytes, seed, .. } = self;
        let initializer = self.initializer.name().to_owned();
        let precision = Precision::new(self.storage, self.rounding);
        TableSpec { trainable, mask_zero, padding_idx, input_length, max_shard_bytes, seed, precision, initializer }
    }

    /// A table of `input_dim` rows by `output_dim` floats with Keras's defaults.
    pub fn new(input_dim: u32, output_dim: u32) -> Self {
        Self {
            input_dim,
            output_dim,
            initializer: Initializer::default(),
            seed: 0,
            mask_zero: false,
            padding_idx: None,
            input_length: None,
            trainable: true,
            max_shard_bytes: None,
            storage: Storage::F32,
            rounding: Rounding::Stochastic,
        }
    }

    /// A table of a tensor's size that starts from its values: any tensor of two dimensions, by its name, in a safetensors
    /// file that PyTorch, Keras or Hugging Face's libraries wrote, or [`GpuEmbedding::save`](crate::GpuEmbedding::save).
    ///
    /// F32 is taken bit for bit; F16 and BF16 become the same numbers in f32; F64 is rounded, to infinity where it exceeds
    /// f32. The values themselves are read when the table is made, piece by piece.
    ///
    /// PyTorch's `save_model` writes one of several tensors that share memory; the others' names lead to it. Of a model in
    /// several files, give the one that has the tensor: the error for the index names it. A header may have 100 MB, the
    /// format's bound; a hostile one of that length takes 2 GB of memory to read.
    ///
    /// PyTorch writes such files by `safetensors.torch.save_file(model.state_dict(), path)`. From Keras:
    ///
    /// ```python
    /// from safetensors.numpy import save_file
    /// save_file({"embedding": layer.get_weights()[0]}, "embedding.safetensors")
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::File`] if it cannot be read; [`Error::Malformed`] if it is not a whole safetensors file, if the tensor is
    /// not a table of floats, or with the names that there are if there is none of this one; [`Error::InvalidConfig`] if
    /// a table cannot have its size.
    ///
    /// ```no_run
    /// # use wgpu_embedding::{Adam, EmbeddingConfig, Error, GpuContext, GpuEmbedding};
    /// # let context = GpuContext::auto()?;
    /// let config = EmbeddingConfig::from_safetensors("model.safetensors", "model.embed_tokens.weight")?;
    /// println!("{} tokens, {} floats each", config.input_dim, config.output_dim);
    /// let embedding = GpuEmbedding::new(&context, config.with_trainable(false), Adam::default())?;
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "from_pretrained")]
    #[cfg(all(feature = "files", not(target_arch = "wasm32")))]
    pub fn from_safetensors(path: impl AsRef<std::path::Path>, tensor: &str) -> Result<Self> {
        let path = path.as_ref();
        let shape = crate::safetensors::TensorFile::open(path, Some(tensor))?.matrix_shape(tensor)?;
        let [Ok(input_dim), Ok(output_dim)] = shape.map(u32::try_from) else {
            return Err(Error::InvalidConfig(format!(
                "input_dim must be in 1..={MAX_INPUT_DIM} and output_dim a u32, and {tensor:?} in {} is {shape:?}",
                path.display()
            )));
        };
        let initializer = Initializer::Safetensors { path: path.to_owned(), tensor: tensor.to_owned() };
        let config = Self::new(input_dim, output_dim).with_initializer(initializer);
        config.validate()?;
        Ok(config)
    }

    /// Sets [`initializer`](Self::initializer).
    #[doc(alias = "weights")]
    pub fn with_initializer(self, initializer: Initializer) -> Self {
        Self { initializer, ..self }
    }

    /// Sets [`seed`](Self::seed).
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Sets [`mask_zero`](Self::mask_zero).
    pub fn with_mask_zero(self, mask_zero: bool) -> Self {
        Self { mask_zero, ..self }
    }

    /// Sets [`padding_idx`](Self::padding_idx).
    pub fn with_padding_idx(self, padding_idx: u32) -> Self {
        Self { padding_idx: Some(padding_idx), ..self }
    }

    /// Sets [`input_length`](Self::input_length).
    pub fn with_input_length(self, input_length: usize) -> Self {
        Self { input_length: Some(input_length), ..self }
    }

    /// Sets [`trainable`](Self::trainable).
    pub fn with_trainable(self, trainable: bool) -> Self {
        Self { trainable, ..self }
    }

    /// Sets [`max_shard_bytes`](Self::max_shard_bytes).
    pub fn with_max_shard_bytes(self, max_shard_bytes: u64) -> Self {
        Self { max_shard_bytes: Some(max_shard_bytes), ..self }
    }

    /// Sets [`storage`](Self::storage).
    ///
    /// ```
    /// use wgpu_embedding::{EmbeddingConfig, GpuContext, GpuEmbedding, RowWiseAdagrad, Storage};
    ///
    /// // Two bytes a weight, and four bytes a row of optimizer state.
    /// let config = EmbeddingConfig::new(1_000, 64).with_storage(Storage::Bf16);
    /// let embedding = GpuEmbedding::new(&GpuContext::auto()?, config, RowWiseAdagrad::default())?;
    /// # Ok::<(), wgpu_embedding::Error>(())
    /// ```
    pub fn with_storage(self, storage: Storage) -> Self {
        Self { storage, ..self }
    }

    /// Sets [`rounding`](Self::rounding).
    pub fn with_rounding(self, rounding: Rounding) -> Self {
        Self { rounding, ..self }
    }

    /// Floats in the table.
    pub fn element_count(&self) -> u64 {
        u64::from(self.input_dim) * u64::from(self.output_dim)
    }

    /// Checks every setting.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] names the first setting that is out of its range.
    pub fn validate(&self) -> Result<()> {
        let invalid = |message: String| Err(Error::InvalidConfig(message));
        if !(1..=MAX_INPUT_DIM).contains(&self.input_dim) {
            return invalid(format!("input_dim must be in 1..={MAX_INPUT_DIM}, and is {}", self.input_dim));
        }
        if self.output_dim == 0 {
            return invalid("output_dim must be at least 1, and is 0".to_owned());
        }
        if usize::try_from(self.element_count()).is_err() {
            return invalid(format!(
                "input_dim * output_dim must fit this machine's usize, and is {}",
                self.element_count()
            ));
        }
        if let Some(padding_idx) = self.padding_idx
            && padding_idx >= self.input_dim
        {
            return invalid(format!("padding_idx must be in 0..{}, and is {padding_idx}", self.input_dim));
        }
        if self.input_length == Some(0) {
            return invalid("input_length must be at least 1, and is 0".to_owned());
        }
        self.initializer.validate(self.element_count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_named() {
        let good = EmbeddingConfig::new(10, 4);
        good.validate().unwrap();
        let cases = [
            (EmbeddingConfig::new(0, 4), "input_dim"),
            (EmbeddingConfig::new(u32::MAX, 4), "input_dim"),
            (EmbeddingConfig::new(10, 0), "output_dim"),
            (good.clone().with_padding_idx(10), "padding_idx"),
            (good.clone().with_input_length(0), "input_length"),
            (good.clone().with_initializer(Initializer::Matrix(vec![0.0; 39])), "the initializer's matrix"),
            (good.clone().with_initializer(Initializer::Uniform { low: 1.0, high: -1.0 }), "the uniform initializer"),
            (good.clone().with_initializer(Initializer::Uniform { low: f32::NAN, high: 1.0 }), "the uniform"),
            (good.clone().with_initializer(Initializer::Normal { mean: 0.0, stddev: -1.0 }), "the normal"),
            (good.clone().with_initializer(Initializer::TruncatedNormal { mean: f32::NAN, stddev: 1.0 }), "the tr"),
        ];
        for (config, name) in cases {
            match config.validate() {
                Err(Error::InvalidConfig(message)) => assert!(message.starts_with(name), "{message}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}
