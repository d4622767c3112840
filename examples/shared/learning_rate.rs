//! The option `--learning-rate`.

use crate::program::number;

/// The option's value: positive, and neither vanishing nor overflowing as an f32, in which the GPU has it.
pub fn option(parser: &mut lexopt::Parser) -> Result<f64, lexopt::Error> {
    let sensible = |&rate: &f64| rate as f32 > 0.0 && (rate as f32).is_finite();
    number(parser, "--learning-rate", "a positive number", sensible)
}
