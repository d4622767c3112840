//! What a checkpoint says beside its tensors: one JSON text in the file's metadata.

use std::io::{Read, Seek};

use serde::{Deserialize, Serialize};

use super::optimizer::{self, Fields, Written};
use crate::config::TableSpec;
use crate::error::{Error, Result, quoted};
use crate::json;
use crate::optimizer::Optimizer;
use crate::safetensors::TensorFile;

/// The metadata's one key. With a second one the order, and so the file's bytes, would differ from save to save.
const KEY: &str = "wgpu_embedding_checkpoint";

/// Of the format that is written. A later setting needs no new one: readers ignore fields that they do not know, and a writer
/// that uses what a reader must know names it in `requires`.
const VERSION: u64 = 2;

/// What [`Head::requires`] may name.
const KNOWN: [&str; 1] = [PRECISION];

/// Of a table in half precision: its tensor is in it, and its settings say how.
const PRECISION: &str = "precision";

/// The one optimizer of format 1, whose settings are the field of this name.
const OPTIMIZER_OF_FORMAT_1: &str = "adam";

/// The last step that a checkpoint may have: f64, in which the powers of the betas are computed, counts no further.
const MAX_STEP: u64 = 1 << 53;

#[derive(Debug)]
pub(crate) struct Settings {
    pub step: u64,
    pub table: TableSpec,
    pub optimizer: Optimizer,
}

/// The JSON text. All numbers are written such that reading them gives the same bits.
#[derive(Serialize)]
struct Text<'a> {
    version: u64,
    requires: &'a [&'static str],
    step: u64,
    table: &'a TableSpec,
    optimizer: Written,
}

#[derive(Deserialize)]
struct Version {
    #[serde(deserialize_with = "json::whole")]
    version: u64,
}

/// What says whether this version of the crate can read the rest.
#[derive(Deserialize)]
struct Head {
    requires: Vec<String>,
}

#[derive(Deserialize)]
struct Format1 {
    #[serde(deserialize_with = "json::whole")]
    step: u64,
    table: TableSpec,
    adam: Fields,
}

#[derive(Deserialize)]
struct Format2 {
    #[serde(deserialize_with = "json::whole")]
    step: u64,
    table: TableSpec,
    optimizer: Fields,
}

impl Settings {
    /// The metadata that [`read`](Self::read) reads.
    pub(crate) fn to_metadata(&self) -> Result<(&'static str, String)> {
        let text = Text {
            version: VERSION,
            requires: if self.table.precision.is_single() { &[] } else { &[PRECISION] },
            step: self.step,
            table: &self.table,
            optimizer: Written(self.optimizer),
        };
        let text = serde_json::to_string(&text).map_err(|error| Error::InvalidConfig(error.to_string()))?;
        Ok((KEY, text))
    }

    pub(crate) fn read<R: Read + Seek>(file: &TensorFile<R>) -> Result<Self> {
        let malformed = |problem: String| file.malformed(format!("metadata {KEY}"), problem);
        let Some(text) = file.metadata(KEY) else {
            return Err(malformed(
                "it is missing, so this is no checkpoint; load_weights and EmbeddingConfig::from_safetensors read \
                 weights alone"
                    .to_owned(),
            ));
        };
        let settings = Self::parse(text).map_err(malformed)?;
        if settings.step > MAX_STEP {
            return Err(malformed(format!("step must be at most {MAX_STEP}, and is {}", settings.step)));
        }
        Ok(settings)
    }

    fn parse(text: &str) -> std::result::Result<Self, String> {
        let of_optimizer = |problem: String| format!("optimizer: {problem}");
        match json::parse(text)? {
            Version { version: 1 } => {
                let Format1 { step, table, adam } = json::parse(text)?;
                let known = Optimizer::each().into_iter().find(|known| known.name() == OPTIMIZER_OF_FORMAT_1);
                let optimizer = known.expect("the optimizer of format 1");
                let optimizer = optimizer::read_as(optimizer, &adam)
                    .map_err(|problem| format!("{OPTIMIZER_OF_FORMAT_1}: {problem}"))?;
                Ok(Self { step, table, optimizer })
            }
            Version { version: 2 } => {
                let Head { requires } = json::parse(text)?;
                if let Some(unknown) = requires.iter().find(|name| !KNOWN.contains(&name.as_str())) {
                    return Err(format!(
                        "it requires {:?}, which this version of wgpu-embedding does not know; a newer version may",
                        quoted(unknown)
                    ));
                }
                let Format2 { step, table, optimizer } = json::parse(text)?;
                Ok(Self { step, table, optimizer: optimizer::read(&optimizer).map_err(of_optimizer)? })
            }
            Version { version } => {
                let newer = if version > VERSION { "; a newer version may read it" } else { "" };
                Err(format!(
                    "it is version {version} of the format, and this version of wgpu-embedding reads versions 1 to \
                     {VERSION}{newer}"
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::optimizer::{Clipping, Common, Setting, Update};
    use crate::storage::{Precision, Rounding, Storage};

    proptest! {
        #[test]
        fn every_float_comes_back_with_its_bits(bits in any::<[u64; 8]>()) {
            let floats = bits.map(f64::from_bits);
            prop_assume!(floats.iter().all(|float| float.is_finite()));
            let table = TableSpec {
                trainable: true,
                mask_zero: false,
                padding_idx: Some(u32::MAX),
                input_length: Some(usize::MAX),
                max_shard_bytes: None,
                seed: bits[0],
                precision: Precision::new(Storage::ALL[bits[0] as usize % 3], Rounding::Nearest),
                initializer: "uniform".to_owned(),
            };
            for mut optimizer in Optimizer::each() {
                let (first, own) = floats.split_at(3);
                let clipping = Some(Clipping::NormPyTorch(first[2]));
                let common =
                    Common { learning_rate: first[0], weight_decay: first[1], update: Update::Lazy, clipping };
                let rule = optimizer.rule_mut();
                rule.set_common(common);
                for ((_, setting), float) in rule.settings().into_iter().zip(own.iter().cycle()) {
                    match setting {
                        Setting::Number(number) => *number = *float,
                        Setting::Flag(flag) => *flag = !*flag,
                        Setting::Choice(choice) => {
                            let last = *choice.names().last().unwrap();
                            choice.choose("it", last).unwrap();
                        }
                    }
                }
                let settings = Settings { step: bits[1], table: table.clone(), optimizer };
                let (_, text) = settings.to_metadata().unwrap();
                let read: Format2 = serde_json::from_str(&text).unwrap();
                prop_assert_eq!((read.step, read.table), (settings.step, settings.table));
                let mut each = Optimizer::each().into_iter();
                let same = each.find(|known| known.name() == optimizer.name()).unwrap();
                let read = optimizer::fill(same, &read.optimizer).unwrap();
                prop_assert_eq!(read, optimizer);
                // PartialEq takes 0 for -0.
                prop_assert_eq!(format!("{read:?}"), format!("{optimizer:?}"));
            }
        }
    }
}
