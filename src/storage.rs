//! How a table keeps its weights: in f32, or in two bytes.

use half::{bf16, f16};

/// How a table keeps its weights. They are computed in f32, and what is looked up is f32; so is the optimizer's state.
///
/// | | bytes a weight | from | to | of a weight's own size |
/// |---|--:|--:|--:|--:|
/// | `F32` | 4 | 1.2e-38 | 3.4e38 | 6.0e-8 |
/// | `F16` | 2 | 6.1e-5, or 6.0e-8 with fewer bits | 65,504 | 4.9e-4 |
/// | `Bf16` | 2 | 1.2e-38 | 3.4e38 | 3.9e-3 |
///
/// The last column is the most that rounding to nearest changes. [`Rounding`] says how a table in half precision rounds what
/// an update leaves. What the host writes, first values, `set_weights` and `load_weights`, is rounded to nearest (F64 files by way of f32). A row is
/// filled up to a multiple of four weights.
///
/// With [`Update::Deferred`](crate::Update::Deferred) a row is rounded when it is stored: by an update that has a gradient for
/// it, by a flush, and at every 4,096th step or so, where rows are caught up; in between a lookup gives the f32 value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "files", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Storage {
    /// IEEE single precision, four bytes.
    #[default]
    F32,
    /// IEEE half precision.
    F16,
    /// bfloat16, the upper half of an f32.
    Bf16,
}

/// How a weight in half precision loses its last bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "files", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Rounding {
    /// To the nearest number, of two as near to the even one. An update of less than half a unit in a weight's last place is
    /// lost, so that training stalls at small learning rates.
    Nearest,
    /// Up or down by chance, up with the probability of what is lost as a part of a unit in the last place: the mean is the
    /// value itself. The chance is a function of the table's seed, the step, the row and the column, so the same inputs
    /// give the same bits. Give tables that are trained together seeds of their own, or their roundings go together.
    #[default]
    Stochastic,
}

impl Storage {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Bf16];

    /// Its name: `f32`, `f16`, `bf16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }

    /// Bytes of a weight.
    pub fn bytes(self) -> u32 {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// Appends weights as they are stored, rounded to nearest, little-endian.
    pub(crate) fn encode(self, values: &[f32], bytes: &mut Vec<u8>) {
        let start = bytes.len();
        bytes.resize(start + values.len() * self.bytes() as usize, 0);
        let stored = bytes[start..].chunks_exact_mut(self.bytes() as usize).zip(values);
        match self {
            Self::F32 => stored.for_each(|(stored, value)| stored.copy_from_slice(&value.to_le_bytes())),
            Self::F16 => {
                stored.for_each(|(stored, &value)| stored.copy_from_slice(&f16::from_f32(value).to_le_bytes()));
            }
            Self::Bf16 => {
                stored.for_each(|(stored, &value)| stored.copy_from_slice(&bf16::from_f32(value).to_le_bytes()));
            }
        }
    }

    /// Appends the weights that lie in these bytes.
    pub(crate) fn decode(self, bytes: &[u8], values: &mut Vec<f32>) {
        let pairs = || bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        match self {
            Self::F32 => {
                values
                    .extend(bytes.chunks_exact(4).map(|word| f32::from_le_bytes(word.try_into().expect("4 bytes"))));
            }
            Self::F16 => values.extend(pairs().map(|bits| f16::from_bits(bits).to_f32())),
            Self::Bf16 => values.extend(pairs().map(|bits| bf16::from_bits(bits).to_f32())),
        }
    }

    /// The nearest number that it has.
    pub(crate) fn nearest(self, value: f32) -> f32 {
        match self {
            Self::F32 => value,
            Self::F16 => f16::from_f32(value).to_f32(),
            Self::Bf16 => bf16::from_f32(value).to_f32(),
        }
    }
}

impl Rounding {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Nearest, Self::Stochastic];

    /// Its name: `nearest`, `stochastic`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Stochastic => "stochastic",
        }
    }
}

/// What a table's weights are kept in, and how they get there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "files", serde(deny_unknown_fields))]
pub(crate) struct Precision {
    pub storage: Storage,
    pub rounding: Rounding,
}

impl Precision {
    /// In f32 nothing is rounded, and how does not matter.
    pub(crate) fn new(storage: Storage, rounding: Rounding) -> Self {
        let rounding = if storage == Storage::F32 { Rounding::default() } else { rounding };
        Self { storage, rounding }
    }

    /// Whether weights are in f32: of such a table checkpoints say nothing.
    #[cfg(feature = "files")]
    pub(crate) fn is_single(&self) -> bool {
        self.storage == Storage::F32
    }
}

/// What stochastic rounding draws from, beside the step, the row and the column: a table's seed in 32 bits.
pub(crate) fn rounding_seed(seed: u64) -> u32 {
    (seed ^ (seed >> 32)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_as_the_nearest_numbers() {
        let values = [0.0, -0.0, 1.0, 1.0 + 1e-3, -65_504.0, 65_520.0, 1e-7, f32::MAX, f32::NEG_INFINITY];
        for storage in Storage::ALL {
            let (mut bytes, mut back) = (Vec::new(), Vec::new());
            storage.encode(&values, &mut bytes);
            assert_eq!(bytes.len(), values.len() * storage.bytes() as usize);
            storage.decode(&bytes, &mut back);
            let nearest: Vec<_> = values.iter().map(|&value| storage.nearest(value).to_bits()).collect();
            assert_eq!(back.iter().map(|value| value.to_bits()).collect::<Vec<_>>(), nearest, "{storage:?}");
        }
        assert_eq!(Storage::F16.nearest(65_520.0), f32::INFINITY);
        assert_eq!(Storage::Bf16.nearest(1.0 + 1.0 / 256.0), 1.0);
    }
}
