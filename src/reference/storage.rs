//! The twin of shaders/storage: how weights in half precision are rounded.

use crate::storage::{Precision, Rounding, Storage};

/// Rounds the rows of a table as its storage does. The table itself is in f32.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rounder {
    precision: Precision,
    seed: u32,
}

impl Rounder {
    pub(crate) fn new(precision: Precision, seed: u32) -> Self {
        Self { precision, seed }
    }

    #[cfg(all(feature = "files", not(target_arch = "wasm32")))]
    pub(super) fn set_seed(&mut self, seed: u32) {
        self.seed = seed;
    }

    /// Leaves a row as it is when it was stored after `step`.
    pub(super) fn store(&self, row: usize, weights: &mut [f32], step: u64) {
        let Precision { storage, rounding } = self.precision;
        if storage == Storage::F32 {
            return;
        }
        for (quad, weights) in weights.chunks_mut(4).enumerate() {
            let random = random([row as u32, quad as u32, step as u32, self.seed]);
            for (w, random) in weights.iter_mut().zip(random) {
                *w = match rounding {
                    Rounding::Nearest => storage.nearest(*w),
                    Rounding::Stochastic => stochastic(storage, *w, random),
                };
            }
        }
    }

    /// Leaves weights as they are when the host has written them.
    pub(super) fn write(&self, weights: &mut [f32]) {
        weights.iter_mut().for_each(|w| *w = self.precision.storage.nearest(*w));
    }
}

/// pcg4d of Jarzynski and Olano, "Hash Functions for GPU Rendering", JCGT 9(3), 2020.
fn random(counter: [u32; 4]) -> [u32; 4] {
    let mut v = counter.map(|word| word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    let round = |v: &mut [u32; 4]| {
        for (to, a, b) in [(0, 1, 3), (1, 2, 0), (2, 0, 1), (3, 1, 2)] {
            v[to] = v[to].wrapping_add(v[a].wrapping_mul(v[b]));
        }
    };
    round(&mut v);
    v = v.map(|word| word ^ (word >> 16));
    round(&mut v);
    v
}

/// The number of the storage at or below a value's size, or the next one, with the probability of what is between; of
/// `random` so many upper bits count as the value loses, 31 at most.
fn stochastic(storage: Storage, value: f32, random: u32) -> f32 {
    if !value.is_finite() {
        return storage.nearest(value);
    }
    let (mantissa_bits, least_exponent) = if storage == Storage::F16 { (10, -14) } else { (7, -126) };
    let exponent = ((value.abs().to_bits() >> 23) as i32 - 127).max(-127);
    let unit = 2f64.powi(exponent.max(least_exponent) - mantissa_bits);
    let lost_bits = (23 - mantissa_bits + (least_exponent - exponent.max(-126)).max(0)).min(31);
    let units = f64::from(value.abs()) / unit;
    let lost = ((units - units.floor()) * 2f64.powi(lost_bits)).floor();
    let up = lost + f64::from(random >> (32 - lost_bits)) >= 2f64.powi(lost_bits);
    let rounded = (units.floor() + f64::from(u8::from(up))) * unit;
    let largest = if storage == Storage::F16 { 65_504.0 } else { f64::from(f32::MAX) };
    let size = if rounded > largest { f32::INFINITY } else { rounded as f32 };
    size.copysign(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean of many roundings is the value, and each is a neighbour of it.
    #[test]
    fn stochastic_rounding_has_no_bias() {
        const ROUNDINGS: u32 = 10_000;
        for storage in [Storage::F16, Storage::Bf16] {
            let rounder = Rounder::new(Precision::new(storage, Rounding::Stochastic), 7);
            for number in 0..100u32 {
                // From 1e-9, far below the least of F16, to 1e4, of both signs.
                let value = 10f32.powf(number as f32 * 0.13 - 9.0) * if number % 2 == 0 { 1.0 } else { -1.0 };
                let (mut low, mut high, mut sum) = (f64::INFINITY, f64::NEG_INFINITY, 0.0);
                for step in 0..ROUNDINGS {
                    let mut row = [0.0, 0.0, value];
                    rounder.store(number as usize, &mut row, step.into());
                    let rounded = f64::from(row[2]);
                    (low, high, sum) = (low.min(rounded), high.max(rounded), sum + rounded);
                }
                let (value, ulp) = (f64::from(value), high - low);
                assert!(low <= value && value <= high, "{storage:?}: {value} became {low} to {high}");
                let up = if ulp > 0.0 { (value - low) / ulp } else { 0.0 };
                let error = ulp * (up * (1.0 - up) / f64::from(ROUNDINGS)).sqrt();
                let mean = sum / f64::from(ROUNDINGS);
                assert!(
                    (mean - value).abs() <= 4.0 * error,
                    "{storage:?}: the mean of {value} is {mean}, not within {error:e}"
                );
            }
        }
    }

    #[test]
    fn what_a_storage_has_stays() {
        for storage in [Storage::F16, Storage::Bf16] {
            for value in [0.0, -0.0, 1.0, -2.5, 65_504.0, 6.103_515_6e-5, 5.960_464_5e-8, f32::INFINITY] {
                let value = storage.nearest(value);
                for bits in [0, 1 << 31, u32::MAX] {
                    assert_eq!(stochastic(storage, value, bits).to_bits(), value.to_bits(), "{storage:?}: {value}");
                }
            }
            assert!(stochastic(storage, f32::NAN, u32::MAX).is_nan());
        }
        assert_eq!(stochastic(Storage::F16, 65_519.0, u32::MAX), f32::INFINITY);
        assert_eq!(stochastic(Storage::F16, 65_519.0, 0), 65_504.0);
        assert_eq!(stochastic(Storage::Bf16, f32::MAX, u32::MAX), f32::INFINITY);
    }
}
