// What is the same for all optimizers in a step, from the host; and how a summed gradient is clipped.
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

override CLIPPED: bool;

@group(0) @binding(1) var<uniform> step: Step;

// Weights after the decay of the step, w - w * rate as Keras has it. 1 - rate would be rounded far more than rate is.
fn decayed(w: vec4<f32>) -> vec4<f32> {
    if step.decay_rate == 0.0 {
        return w;
    }
    return subtract(w, multiply(w, vec4<f32>(step.decay_rate)));
}

// The bits of infinity, and of the sign.
const INFINITY: u32 = 0x7f800000u;
const SIGN: u32 = 0x80000000u;

// The largest size of an element is `limit`. On the bits, whose order is that of sizes, with NaN above them all: by
// comparison of floats NVIDIA's compiler makes a min() of it, which loses a NaN.
fn limited(g: vec4<f32>, limit: f32) -> vec4<f32> {
    let bits = bitcast<vec4<u32>>(g);
    let size = bits & vec4<u32>(~SIGN);
    let is_larger = (size > vec4<u32>(bitcast<u32>(limit))) & (size <= vec4<u32>(INFINITY));
    return bitcast<vec4<f32>>(select(bits, (bits & vec4<u32>(SIGN)) | vec4<u32>(bitcast<u32>(limit)), is_larger));
}

fn clipped(gradient: vec4<f32>) -> vec4<f32> {
    var g = gradient;
    if CLIPPED {
        g = limited(multiply(g, vec4<f32>(step.gradient_scale)), step.gradient_limit);
    }
    return g;
}
