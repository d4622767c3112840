//! How a table's first values are made.

use crate::error::{Error, Result};

/// How a table's first values are made; Keras's initializers.
///
/// Each row is drawn from a ChaCha8 stream of its own, so its values depend on the table's initializer and seed, on its number,
/// and where the initializer has fans on the table's size: not on the device, nor on how the table is split. A test pins the
/// first numbers of each, so that a new version of this crate gives the table that the old one gave.
///
/// The fans of a table of `input_dim` by `output_dim` are those two numbers, as in Keras.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Initializer {
    /// Uniform in `low..high`.
    #[doc(alias = "RandomUniform")]
    Uniform {
        /// The lowest value.
        low: f32,
        /// Above the highest value.
        high: f32,
    },
    /// Normal.
    #[doc(alias = "RandomNormal")]
    Normal {
        /// The mean.
        mean: f32,
        /// The standard deviation.
        stddev: f32,
    },
    /// Normal, with numbers more than two standard deviations from the mean drawn again.
    TruncatedNormal {
        /// The mean before truncation, and after.
        mean: f32,
        /// The standard deviation before truncation.
        stddev: f32,
    },
    /// Uniform within `sqrt(6 / (input_dim + output_dim))` of 0.
    #[doc(alias = "xavier_uniform_")]
    GlorotUniform,
    /// Truncated normal whose standard deviation after truncation is `sqrt(2 / (input_dim + output_dim))`.
    #[doc(alias = "xavier_normal_")]
    GlorotNormal,
    /// Uniform within `sqrt(6 / input_dim)` of 0.
    #[doc(alias = "kaiming_uniform_")]
    HeUniform,
    /// Truncated normal whose standard deviation after truncation is `sqrt(2 / input_dim)`.
    #[doc(alias = "kaiming_normal_")]
    HeNormal,
    /// The same number everywhere.
    Constant(f32),
    /// 0 everywhere.
    Zeros,
    /// 1 everywhere.
    Ones,
    /// These values: `input_dim * output_dim` floats, row after row.
    #[doc(alias = "from_pretrained")]
    Matrix(Vec<f32>),
    /// The values of a tensor `[input_dim, output_dim]` in a safetensors file, read row by row when the table is made;
    /// [`EmbeddingConfig::from_safetensors`](crate::EmbeddingConfig::from_safetensors) takes the table's size from it too, and says which files will do.
    #[cfg(all(feature = "files", not(target_arch = "wasm32")))]
    Safetensors {
        /// The file.
        path: std::path::PathBuf,
        /// The tensor's name in it.
        tensor: String,
    },
}

impl Default for Initializer {
    /// Keras's default for `Embedding`: uniform in -0.05..0.05.
    fn default() -> Self {
        Self::Uniform { low: -0.05, high: 0.05 }
    }
}

impl Initializer {
    /// The variant's name, as a checkpoint keeps it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Uniform { .. } => "uniform",
            Self::Normal { .. } => "normal",
            Self::TruncatedNormal { .. } => "truncated_normal",
            Self::GlorotUniform => "glorot_uniform",
            Self::GlorotNormal => "glorot_normal",
            Self::HeUniform => "he_uniform",
            Self::HeNormal => "he_normal",
            Self::Constant(_) => "constant",
            Self::Zeros => "zeros",
            Self::Ones => "ones",
            Self::Matrix(_) => "matrix",
            #[cfg(all(feature = "files", not(target_arch = "wasm32")))]
            Self::Safetensors { .. } => "safetensors",
        }
    }

    pub(crate) fn validate(&self, element_count: u64) -> Result<()> {
        let invalid = |message: String| Err(Error::InvalidConfig(message));
        match self {
            // The width must be finite too: rand's uniform would overflow.
            Self::Uniform { low, high } if !(low < high && (high - low).is_finite()) => {
                invalid(format!("the uniform initializer must have finite low < high, and has {low} and {high}"))
            }
            Self::Normal { mean, stddev } if !(mean.is_finite() && stddev.is_finite() && *stddev >= 0.0) => invalid(
                format!("the normal initializer must have finite mean and stddev >= 0, and has {mean} and {stddev}"),
            ),
            Self::TruncatedNormal { mean, stddev } if !(mean.is_finite() && stddev.is_finite() && *stddev >= 0.0) => {
                invalid(format!(
                    "the truncated normal initializer must have finite mean and stddev >= 0, and has {mean} and \
                     {stddev}"
                ))
            }
            Self::Matrix(values) if values.len() as u64 != element_count => invalid(format!(
                "the initializer's matrix must have input_dim * output_dim = {element_count} floats, and has {}",
                values.len()
            )),
            _ => Ok(()),
        }
    }
}
