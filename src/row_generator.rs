//! Draws a table's first values, row after row.

use rand::distr::{Distribution, Uniform};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;

use crate::config::EmbeddingConfig;
use crate::error::{Error, Result};
use crate::initializer::Initializer;
#[cfg(all(feature = "files", not(target_arch = "wasm32")))]
use crate::safetensors::{TensorFile, TensorRows};

/// The standard deviation of a standard normal cut at two standard deviations, by which Keras divides
/// [keras/src/initializers/random_initializers.py].
const TRUNCATED_STDDEV: f64 = 0.879_625_661_034_239_8;

/// Makes a table's first values piece by piece, so that a large table needs no huge host copy.
pub(crate) struct RowGenerator<'a> {
    config: &'a EmbeddingConfig,
    kind: Kind<'a>,
    generator: ChaCha8Rng,
    /// The row that comes next.
    next_row: u32,
}

enum Kind<'a> {
    Uniform(Uniform<f32>),
    Normal {
        mean: f32,
        stddev: f32,
        truncated: bool,
    },
    Constant(f32),
    Matrix(&'a [f32]),
    #[cfg(all(feature = "files", not(target_arch = "wasm32")))]
    Safetensors(TensorRows),
}

impl<'a> RowGenerator<'a> {
    /// Starts at row 0. `config` must be valid.
    pub(crate) fn new(config: &'a EmbeddingConfig) -> Result<Self> {
        let (input_dim, output_dim) = (f64::from(config.input_dim), f64::from(config.output_dim));
        let uniform = |low: f32, high: f32| {
            Uniform::new(low, high)
                .map(Kind::Uniform)
                .map_err(|error| Error::InvalidConfig(format!("the uniform initializer cannot draw: {error}")))
        };
        // Keras's VarianceScaling: `scale` is 1 for Glorot, 2 for He.
        let limit = |scale: f64, fan: f64| (3.0 * scale / fan).sqrt() as f32;
        let scaled_normal = |scale: f64, fan: f64| Kind::Normal {
            mean: 0.0,
            stddev: ((scale / fan).sqrt() / TRUNCATED_STDDEV) as f32,
            truncated: true,
        };
        let mean_fan = (input_dim + output_dim) / 2.0;
        let kind = match &config.initializer {
            Initializer::Uniform { low, high } => uniform(*low, *high)?,
            Initializer::GlorotUniform => uniform(-limit(1.0, mean_fan), limit(1.0, mean_fan))?,
            Initializer::HeUniform => uniform(-limit(2.0, input_dim), limit(2.0, input_dim))?,
            Initializer::Normal { mean, stddev } => Kind::Normal { mean: *mean, stddev: *stddev, truncated: false },
            Initializer::TruncatedNormal { mean, stddev } => {
                Kind::Normal { mean: *mean, stddev: *stddev, truncated: true }
            }
            Initializer::GlorotNormal => scaled_normal(1.0, mean_fan),
            Initializer::HeNormal => scaled_normal(2.0, input_dim),
            Initializer::Constant(value) => Kind::Constant(*value),
            Initializer::Zeros => Kind::Constant(0.0),
            Initializer::Ones => Kind::Constant(1.0),
            Initializer::Matrix(values) => Kind::Matrix(values),
            #[cfg(all(feature = "files", not(target_arch = "wasm32")))]
            Initializer::Safetensors { path, tensor } => Kind::Safetensors(
                TensorFile::open(path, Some(tensor))?.into_table(tensor, config.input_dim, config.output_dim)?,
            ),
        };
        Ok(Self { config, kind, generator: ChaCha8Rng::seed_from_u64(config.seed), next_row: 0 })
    }

    /// Writes the next row, `output_dim` floats, into `row`.
    pub(crate) fn fill_row(&mut self, row: &mut [f32]) -> Result<()> {
        debug_assert_eq!(row.len(), self.config.output_dim as usize);
        let generator = &mut self.generator;
        // Each row draws from a stream of its own, from its start, so that any part of a table can be drawn alone.
        generator.set_stream(self.next_row.into());
        let mut drawn = true;
        match &mut self.kind {
            Kind::Uniform(uniform) => row.fill_with(|| uniform.sample(generator)),
            Kind::Normal { mean, stddev, truncated } => row.fill_with(|| {
                loop {
                    let draw: f32 = generator.sample(StandardNormal);
                    if !*truncated || draw.abs() <= 2.0 {
                        return *mean + *stddev * draw;
                    }
                }
            }),
            Kind::Constant(value) => row.fill(*value),
            Kind::Matrix(values) => {
                let start = self.next_row as usize * row.len();
                row.copy_from_slice(&values[start..start + row.len()]);
                drawn = false;
            }
            #[cfg(all(feature = "files", not(target_arch = "wasm32")))]
            Kind::Safetensors(rows) => {
                rows.fill_row(row)?;
                drawn = false;
            }
        }
        // PyTorch zeroes the padding row of what it draws, and leaves a given matrix alone.
        if drawn && self.config.padding_idx == Some(self.next_row) {
            row.fill(0.0);
        }
        self.next_row += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(config: &EmbeddingConfig) -> Vec<f32> {
        config.validate().unwrap();
        let mut generator = RowGenerator::new(config).unwrap();
        let mut values = vec![f32::NAN; config.element_count() as usize];
        for row in values.chunks_exact_mut(config.output_dim as usize) {
            generator.fill_row(row).unwrap();
        }
        values
    }

    #[test]
    fn the_first_numbers_are_pinned() {
        // Not derived from anything: what the first version drew, so that later versions draw the same.
        let cases = [
            (
                Initializer::Uniform { low: -0.05, high: 0.05 },
                [-0.035999667, -0.034220397, -0.031794503, -0.033201076],
            ),
            (Initializer::Normal { mean: 0.0, stddev: 0.05 }, [-0.038768597, -0.06917109, 0.04448565, 0.017988954]),
            (
                Initializer::TruncatedNormal { mean: 0.0, stddev: 0.05 },
                [-0.038768597, -0.06917109, 0.04448565, 0.017988954],
            ),
            (Initializer::GlorotUniform, [-0.15588313, -0.14817867, -0.13767421, -0.14376487]),
            (Initializer::GlorotNormal, [-0.11018493, -0.1965924, 0.12643348, 0.05112673]),
            (Initializer::HeUniform, [-0.17636162, -0.16764502, -0.1557606, -0.16265139]),
            (Initializer::HeNormal, [-0.124660015, -0.22241892, 0.14304315, 0.057843294]),
            (Initializer::Constant(0.25), [0.25; 4]),
            (Initializer::Zeros, [0.0; 4]),
            (Initializer::Ones, [1.0; 4]),
        ];
        for (initializer, expected) in cases {
            let config = EmbeddingConfig::new(100, 28).with_seed(7).with_initializer(initializer.clone());
            assert_eq!(draw(&config)[..4], expected, "{initializer:?}");
        }
    }

    #[test]
    fn a_row_does_not_depend_on_the_rows_before_it() {
        for initializer in [Initializer::default(), Initializer::TruncatedNormal { mean: 0.0, stddev: 1.0 }] {
            let of = |input_dim: u32| {
                EmbeddingConfig::new(input_dim, 5).with_seed(7).with_initializer(initializer.clone())
            };
            let [few, many] = [of(20), of(3_000)].map(|config| draw(&config));
            assert_eq!(few, many[..100], "{initializer:?}");
            assert!((0..20).all(|row| few[row * 5..][..5] != many[(row + 1) * 5..][..5]));
            let config = of(3_000);
            let mut generator = RowGenerator { next_row: 2_999, ..RowGenerator::new(&config).unwrap() };
            let mut last = [f32::NAN; 5];
            generator.fill_row(&mut last).unwrap();
            assert_eq!(last, many[2_999 * 5..], "{initializer:?}");
        }
    }

    #[test]
    fn draws_have_the_moments_they_promise() {
        let config = EmbeddingConfig::new(400, 100).with_seed(3);
        // Mean, standard deviation and largest magnitude, from Keras's definitions at fans 400 and 100.
        let cases = [
            (Initializer::default(), 0.0, 0.1 / 12f64.sqrt(), 0.05),
            (Initializer::Normal { mean: 0.5, stddev: 0.2 }, 0.5, 0.2, f64::INFINITY),
            (Initializer::TruncatedNormal { mean: 0.0, stddev: 0.1 }, 0.0, 0.1 * TRUNCATED_STDDEV, 0.2),
            (Initializer::GlorotUniform, 0.0, (2.0f64 / 500.0).sqrt(), (6.0f64 / 500.0).sqrt()),
            (Initializer::GlorotNormal, 0.0, (2.0f64 / 500.0).sqrt(), 0.1439),
            (Initializer::HeUniform, 0.0, (2.0f64 / 400.0).sqrt(), (6.0f64 / 400.0).sqrt()),
            (Initializer::HeNormal, 0.0, (2.0f64 / 400.0).sqrt(), 0.1608),
        ];
        for (initializer, mean, stddev, limit) in cases {
            let values = draw(&config.clone().with_initializer(initializer.clone()));
            let count = values.len() as f64;
            let got_mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
            let variance = values.iter().map(|&x| (f64::from(x) - got_mean).powi(2)).sum::<f64>() / count;
            // 40,000 draws: five standard errors.
            assert!((got_mean - mean).abs() < 5.0 * stddev / count.sqrt(), "{initializer:?}: mean {got_mean}");
            assert!((variance.sqrt() / stddev - 1.0).abs() < 0.02, "{initializer:?}: {}", variance.sqrt());
            let largest = values.iter().fold(0.0, |most: f64, &x| most.max(f64::from(x).abs()));
            assert!(largest <= limit * 1.0001, "{initializer:?}: {largest}");
        }
    }

    #[test]
    fn another_seed_gives_another_table_and_the_padding_row_is_zero() {
        let config = EmbeddingConfig::new(10, 3).with_padding_idx(4);
        let values = draw(&config);
        assert_ne!(values, draw(&config.clone().with_seed(1)));
        assert_eq!(values[12..15], [0.0; 3]);
        assert!(values[..12].iter().chain(&values[15..]).all(|&x| x != 0.0));
        let matrix: Vec<f32> = (0..30).map(|x| x as f32).collect();
        assert_eq!(draw(&config.with_initializer(Initializer::Matrix(matrix.clone()))), matrix);
    }
}
