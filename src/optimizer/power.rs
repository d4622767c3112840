//! Powers that are the same on every platform: Rust fixes neither `powi` nor `powf`.

/// `base^exponent` by squaring, in f64.
pub(crate) fn power(base: f64, exponent: u64) -> f64 {
    let (mut product, mut square, mut left) = (1.0, base, exponent);
    while left > 0 {
        if left & 1 == 1 {
            product *= square;
        }
        square *= square;
        left >>= 1;
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_power() {
        for base in [0.0, 0.5, 0.9, 0.999, 0.9999999, 1.0] {
            for exponent in [0, 1, 2, 3, 10, 1_000, 123_456] {
                let expected = f64::powf(base, exponent as f64);
                let error = (power(base, exponent) - expected).abs();
                // A product of so many factors rounds as often.
                assert!(
                    error <= 2e-16 * (exponent + 8) as f64 * expected,
                    "{base}^{exponent}: {} for {expected}",
                    power(base, exponent)
                );
            }
        }
        assert_eq!(power(0.999, u64::MAX), 0.0);
    }
}
