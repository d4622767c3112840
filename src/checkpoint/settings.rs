//! What a checkpoint says beside its tensors: one JSON text in the file's metadata.

use std::io::{Read, Seek};

use serde::{Deserialize, Serialize};

use super::TensorFile;
use crate::config::EmbeddingConfig;
use crate::error::{Error, Result};
use crate::json;
use crate::optimizer::{Adam, Clipping, EpsilonForm, Optimizer, Update};

/// The metadata's one key. With a second one the order, and so the file's bytes, would differ from save to save.
const KEY: &str = "wgpu_embedding_checkpoint";

/// Of the format; goes up with every change, for unknown fields are refused.
const VERSION: u64 = 1;

/// The last step that a checkpoint may have: f64, in which the powers of the betas are computed, counts no further.
const MAX_STEP: u64 = 1 << 53;

/// All numbers are written such that reading them gives the same bits.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    #[serde(deserialize_with = "json::whole")]
    version: u64,
    #[serde(deserialize_with = "json::whole")]
    pub step: u64,
    pub table: TableSettings,
    #[serde(rename = "adam", with = "adam_form")]
    pub optimizer: Optimizer,
}

/// [`EmbeddingConfig`] without the table's size, which the weights' shape is. Every field must be there: serde would take a
/// missing `Option` for `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableSettings {
    pub trainable: bool,
    pub mask_zero: bool,
    #[serde(deserialize_with = "json::whole_or_null")]
    pub padding_idx: Option<u32>,
    #[serde(deserialize_with = "json::whole_or_null")]
    pub input_length: Option<u64>,
    #[serde(deserialize_with = "json::whole_or_null")]
    pub max_shard_bytes: Option<u64>,
    #[serde(deserialize_with = "json::whole")]
    pub seed: u64,
    /// The name of the initializer, for the reader's information.
    pub initializer: String,
}

impl Settings {
    pub(crate) fn new(step: u64, table: TableSettings, optimizer: Optimizer) -> Self {
        Self { version: VERSION, step, table, optimizer }
    }

    /// The metadata that [`read`](Self::read) reads.
    pub(crate) fn to_metadata(&self) -> Result<(&'static str, String)> {
        let text = serde_json::to_string(self).map_err(|error| Error::InvalidConfig(error.to_string()))?;
        Ok((KEY, text))
    }

    pub(crate) fn read<R: Read + Seek>(file: &TensorFile<R>) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            #[serde(deserialize_with = "json::whole")]
            version: u64,
        }
        let malformed = |problem: String| file.malformed(format!("metadata {KEY}"), problem);
        let Some(text) = file.metadata(KEY) else {
            return Err(malformed(
                "it is missing, so this is no checkpoint; load_weights and EmbeddingConfig::from_safetensors read \
                 weights alone"
                    .to_owned(),
            ));
        };
        let Version { version } = json::parse(text).map_err(malformed)?;
        if version != VERSION {
            return Err(malformed(format!(
                "it is version {version} of the format, and this version of wgpu-embedding reads version {VERSION}"
            )));
        }
        let settings: Self = json::parse(text).map_err(malformed)?;
        settings.optimizer.validate().map_err(|error| malformed(error.to_string()))?;
        if settings.step > MAX_STEP {
            return Err(malformed(format!("step must be at most {MAX_STEP}, and is {}", settings.step)));
        }
        Ok(settings)
    }
}

impl TableSettings {
    /// The configuration of a table of this size, without an initializer.
    pub(crate) fn config(&self, input_dim: usize, output_dim: usize) -> Result<EmbeddingConfig> {
        let fit = |what: &str, given: u64, most: u64| {
            Error::InvalidConfig(format!("{what} must be at most {most}, and is {given}"))
        };
        let [input_dim, output_dim] = [("input_dim", input_dim), ("output_dim", output_dim)]
            .map(|(what, given)| u32::try_from(given).map_err(|_| fit(what, given as u64, u32::MAX.into())));
        let input_length = self
            .input_length
            .map(|given| usize::try_from(given).map_err(|_| fit("input_length", given, usize::MAX as u64)))
            .transpose()?;
        let config = EmbeddingConfig {
            seed: self.seed,
            mask_zero: self.mask_zero,
            padding_idx: self.padding_idx,
            input_length,
            trainable: self.trainable,
            max_shard_bytes: self.max_shard_bytes,
            ..EmbeddingConfig::new(input_dim?, output_dim?)
        };
        config.validate()?;
        Ok(config)
    }
}

// The public types themselves stay without serde: what a file calls their fields is this format's matter. The compiler holds
// the fields against theirs.

/// The one optimizer that this version of the format knows.
mod adam_form {
    use serde::ser::Error;
    use serde::{Deserializer, Serializer};

    use super::{AdamForm, Optimizer};

    pub(super) fn serialize<S: Serializer>(optimizer: &Optimizer, serializer: S) -> Result<S::Ok, S::Error> {
        let Optimizer::Adam(adam) = optimizer else {
            let name = optimizer.name();
            return Err(S::Error::custom(format!("checkpoints are of adam, and this table has {name}")));
        };
        AdamForm::serialize(adam, serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Optimizer, D::Error> {
        AdamForm::deserialize(deserializer).map(Optimizer::Adam)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Adam", deny_unknown_fields)]
struct AdamForm {
    learning_rate: f64,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    #[serde(with = "EpsilonForms")]
    epsilon_form: EpsilonForm,
    weight_decay: f64,
    amsgrad: bool,
    #[serde(with = "Updates")]
    update: Update,
    #[serde(with = "optional_clipping")]
    clipping: Option<Clipping>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "EpsilonForm", rename_all = "snake_case")]
enum EpsilonForms {
    Keras,
    #[serde(rename = "pytorch")]
    PyTorch,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Update", rename_all = "snake_case")]
enum Updates {
    Deferred,
    Dense,
    Lazy,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Clipping", rename_all = "snake_case")]
enum Clippings {
    Value(f64),
    Norm(f64),
    #[serde(rename = "norm_pytorch")]
    NormPyTorch(f64),
}

/// serde's remote types do not reach into an `Option`.
mod optional_clipping {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Clipping, Clippings};

    #[derive(Serialize, Deserialize)]
    struct Inside(#[serde(with = "Clippings")] Clipping);

    pub(super) fn serialize<S: Serializer>(clipping: &Option<Clipping>, serializer: S) -> Result<S::Ok, S::Error> {
        clipping.map(Inside).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Clipping>, D::Error> {
        Ok(Option::<Inside>::deserialize(deserializer)?.map(|inside| inside.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_float_comes_back_with_its_bits(bits in any::<[u64; 6]>()) {
            let floats = bits.map(f64::from_bits);
            prop_assume!(floats.iter().all(|float| float.is_finite()));
            let [learning_rate, beta_1, beta_2, epsilon, weight_decay, limit] = floats;
            let clipping = Some(Clipping::NormPyTorch(limit));
            let adam = Adam { learning_rate, beta_1, beta_2, epsilon, weight_decay, clipping, ..Adam::pytorch_sparse() };
            let table = TableSettings {
                trainable: true,
                mask_zero: false,
                padding_idx: Some(u32::MAX),
                input_length: Some(u64::MAX),
                max_shard_bytes: None,
                seed: bits[0],
                initializer: "uniform".to_owned(),
            };
            let settings = Settings::new(bits[1], table, adam.into());
            let (_, text) = settings.to_metadata().unwrap();
            let read: Settings = serde_json::from_str(&text).unwrap();
            let Optimizer::Adam(read_adam) = read.optimizer else { panic!("{:?}", read.optimizer) };
            prop_assert_eq!(read_adam, adam);
            prop_assert_eq!(read.step, settings.step);
            prop_assert_eq!(read.table, settings.table);
            let [mine, yours] = [adam, read_adam].map(|a| [a.learning_rate, a.beta_1, a.beta_2, a.epsilon, a.weight_decay]);
            prop_assert_eq!(mine.map(f64::to_bits), yours.map(f64::to_bits));
        }
    }
}
