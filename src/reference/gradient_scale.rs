use crate::Clipping;

/// What a gradient of this norm is multiplied by. A norm that is not a number scales nothing.
pub fn gradient_scale(norm: f32, clipping: Clipping) -> f32 {
    let clip = |limit: f64, norm: f32| if norm > limit as f32 { limit as f32 / norm } else { 1.0 };
    match clipping {
        Clipping::Value(_) => 1.0,
        Clipping::Norm(limit) => clip(limit, norm),
        Clipping::NormPyTorch(limit) => clip(limit, norm + 1e-6),
    }
}
