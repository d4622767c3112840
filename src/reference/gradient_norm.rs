use super::RowSums;

/// The Euclidean norm of a summed gradient.
pub fn gradient_norm(gradient: &RowSums) -> f32 {
    gradient.sums.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>().sqrt() as f32
}
