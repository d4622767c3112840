use super::missed::Missed;
use super::twin::{Twin, decayed};
use crate::Lion;

/// 2^-125, twice the smallest normal number.
const LEAST: f32 = 2.0 * f32::MIN_POSITIVE;

/// The twin of rules/lion.wgsl.
pub(super) struct StepTwin {
    rate: f32,
    /// What is left of m in the direction and in m, each with the gradient's share.
    direction: [f32; 2],
    moment: [f32; 2],
    decay_rate: f32,
}

impl StepTwin {
    pub(super) fn new(lion: &Lion, _step: u64) -> Self {
        let shares = |beta: f64| [beta as f32, (1.0 - beta) as f32];
        Self {
            rate: lion.learning_rate as f32,
            direction: shares(lion.beta_1),
            moment: shares(lion.beta_2),
            decay_rate: (lion.learning_rate * lion.weight_decay) as f32,
        }
    }
}

impl Twin for StepTwin {
    fn update_row(&self, weights: &mut [f32], state: &mut [&mut [f32]], gradient: &[f32]) {
        let sum = |[left, gain]: [f32; 2], m: f32, g: f32| left * m + gain * g;
        for (column, (w, &g)) in weights.iter_mut().zip(gradient).enumerate() {
            let m = &mut state[0][column];
            // Without a gradient the direction is m's, also where the product is zero in f32.
            let u = if g == 0.0 { *m } else { sum(self.direction, *m, g) };
            *w = decayed(*w, self.decay_rate) - self.rate * sign(u);
            let new = sum(self.moment, *m, g);
            *m = if g == 0.0 { kept(*m, new) } else { kept(new, new) };
        }
    }

    fn catch_up_row(&self, weights: &mut [f32], state: &mut [&mut [f32]], missed: &Missed<'_>) {
        let (sum, [power, _]) = (missed.common_sum(), missed.powers());
        for (w, m) in weights.iter_mut().zip(&mut *state[0]) {
            *w = missed.moved(*w, sign(*m), sum);
            // An infinite one stays so, also where the power is zero in f32.
            *m = if m.is_infinite() { *m } else { kept(*m, *m * power) };
        }
    }
}

/// Not f32::signum, which has no zero.
fn sign(u: f32) -> f32 {
    if u > 0.0 {
        1.0
    } else if u < 0.0 {
        -1.0
    } else {
        // 0, or a NaN.
        u
    }
}

/// `m` with the sign of `old`, at [`LEAST`] or above unless that is 0.
fn kept(old: f32, m: f32) -> f32 {
    if old != 0.0 && m.abs() < LEAST { LEAST.copysign(old) } else { m }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// w and m of one element after steps with these gradients.
    fn after(lion: &Lion, gradients: &[f32]) -> [f32; 2] {
        let (mut w, mut m) = ([0.0], [0.0]);
        for (step, &g) in (1..).zip(gradients) {
            StepTwin::new(lion, step).update_row(&mut w, &mut [&mut m], &[g]);
        }
        [w[0], m[0]]
    }

    #[test]
    fn a_moment_keeps_its_sign_and_its_least_size() {
        let missed = |first: f32| [vec![first], vec![0.0; 20_000]].concat();
        for betas in [(0.9, 0.99), (0.9, 0.5), (0.3, 0.1), (1e-3, 1e-30)] {
            let lion = Lion::default().with_learning_rate(0.5).with_betas(betas.0, betas.1);
            assert_eq!(after(&lion, &missed(2.0)), [-10_000.5, LEAST]);
            assert_eq!(after(&lion, &missed(-2.0)), [10_000.5, -LEAST]);
            assert_eq!(after(&lion, &missed(0.0)), [0.0, 0.0]);
        }
    }

    #[test]
    fn a_nan_stays_and_infinity_has_a_sign() {
        let lion = Lion::default().with_learning_rate(0.5);
        assert!(after(&lion, &[f32::NAN, 0.0, 1.0]).iter().all(|value| value.is_nan()));
        assert_eq!(after(&lion, &[f32::NEG_INFINITY, 0.0]), [1.0, f32::NEG_INFINITY]);
    }
}
