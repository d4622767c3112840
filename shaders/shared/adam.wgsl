// Adam on one quad, with the step's scalars from the host (src/optimizer/adam.rs takes all powers in f64):
//
//   w *= decay
//   m += (g - m) * (1 - beta_1)
//   v += (g*g - v) * (1 - beta_2)
//   s  = v, or with amsgrad v_hat = max(v_hat, v)
//   w -= step_size * m / (sqrt(s) + epsilon)
//
// keras/src/optimizers/adam.py; PyTorch's form differs only in the epsilon that the host hands down.

struct AdamStep {
    step_size: f32,
    epsilon: f32,
    one_minus_beta_1: f32,
    one_minus_beta_2: f32,
    decay: f32,
}

override AMSGRAD: bool;

@group(0) @binding(0) var<uniform> step: AdamStep;
@group(0) @binding(1) var<storage, read_write> weights: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> first_moment: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> second_moment: array<vec4<f32>>;
// Without amsgrad a small buffer that is never touched.
@group(0) @binding(4) var<storage, read_write> largest_moment: array<vec4<f32>>;

fn update_quad(index: u32, g: vec4<f32>) {
    // All loads before the first store, so that their cache misses overlap.
    let w = weights[index];
    var m = first_moment[index];
    var v = second_moment[index];
    m += (g - m) * step.one_minus_beta_1;
    v += (g * g - v) * step.one_minus_beta_2;
    first_moment[index] = m;
    second_moment[index] = v;
    var s = v;
    if AMSGRAD {
        // On the bits, whose order is that of numbers not negative, with NaN above them all: a NaN must reach s, as it does
        // in PyTorch, and the max() of floats may lose it.
        s = bitcast<vec4<f32>>(max(bitcast<vec4<u32>>(v), bitcast<vec4<u32>>(largest_moment[index])));
        largest_moment[index] = s;
    }
    weights[index] = w * step.decay - step.step_size * m / (sqrt(s) + step.epsilon);
}
