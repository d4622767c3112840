//! The twins of shared/row_square.wgsl and shared/row_term.wgsl.

/// The mean of the squares of a row's gradient. NaN if an element is infinite.
pub(super) fn mean_of_squares(gradient: &[f32]) -> f32 {
    if gradient.iter().any(|g| g.is_infinite()) {
        return f32::NAN;
    }
    sum_of_squares(gradient) * (1.0 / gradient.len() as f64) as f32
}

/// The sum of the squares of a row's gradient, in the crate's fixed order: four neighbours give
/// `(x x + y y) + (z z + w w)`, and those sums are added by halving strides from the next power of two of their number.
pub(super) fn sum_of_squares(gradient: &[f32]) -> f32 {
    let square = |quad: &[f32]| {
        let at = |column: usize| quad.get(column).map_or(0.0, |g| g * g);
        (at(0) + at(1)) + (at(2) + at(3))
    };
    let mut sums: Vec<f32> = gradient.chunks(4).map(square).collect();
    let mut stride = sums.len().next_power_of_two() / 2;
    while stride > 0 {
        for entry in 0..stride.min(sums.len().saturating_sub(stride)) {
            sums[entry] += sums[entry + stride];
        }
        stride /= 2;
    }
    sums[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_the_one_that_it_says() {
        assert_eq!(mean_of_squares(&[3.0]), 9.0);
        assert_eq!(mean_of_squares(&[1.0, 2.0, 2.0]), 9.0 * (1.0f64 / 3.0) as f32);
        // Of three quads the third goes to the first: 2^24 + 1 is lost, 2^24 + 2 is not.
        let quads = |[a, b, c]: [f32; 3]| [[a, 0.0, 0.0, 0.0], [b, 0.0, 0.0, 0.0], [c, 0.0, 0.0, 0.0]].concat();
        let twelfth = (1.0f64 / 12.0) as f32;
        assert_eq!(mean_of_squares(&quads([4096.0, 1.0, 1.0])), 16_777_216.0 * twelfth);
        assert_eq!(mean_of_squares(&quads([1.0, 4096.0, 1.0])), 16_777_218.0 * twelfth);
        assert!(mean_of_squares(&[1.0, f32::NEG_INFINITY]).is_nan());
        assert_eq!(mean_of_squares(&[1e30, 1.0]), f32::INFINITY);
    }
}
