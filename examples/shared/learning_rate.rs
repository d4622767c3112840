//! The option that all examples which train have alike.

use crate::program::number;

/// `--learning-rate`'s value.
pub fn learning_rate(parser: &mut lexopt::Parser) -> Result<f64, lexopt::Error> {
    // It must not vanish or overflow as an f32, in which the GPU has it.
    let sensible = |&rate: &f64| rate as f32 > 0.0 && (rate as f32).is_finite();
    number(parser, "--learning-rate", "a positive number", sensible)
}
