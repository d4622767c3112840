// What is the same for all optimizers in a step, from the host. Between steps the number alone counts: it is that of the last
// step, for kernels that catch rows up to it.
//
// Parts: arithmetic.

struct Step {
    // The step's number, modulo 2^32.
    number: u32,
    // learning rate * weight decay
    decay_rate: f32,
    // What a summed gradient is multiplied by, and the largest that an element of it may then be; with CLIPPED alone.
    gradient_scale: f32,
    gradient_limit: f32,
}

@group(0) @binding(1) var<uniform> step: Step;

// Weights after the decay of the step, w - w * rate as Keras has it. 1 - rate would be rounded far more than rate is.
fn decayed(w: vec4<f32>) -> vec4<f32> {
    if step.decay_rate == 0.0 {
        return w;
    }
    return subtract(w, multiply(w, vec4<f32>(step.decay_rate)));
}
