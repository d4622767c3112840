// Adam on one quad, with the step's scalars from the host (src/optimizer/adam.rs takes all powers in f64):
//
//   g  = clip(gradient_scale * g)
//   w *= decay
//   m += (g - m) * (1 - beta_1)
//   v += (g*g - v) * (1 - beta_2)
//   s  = v, or with amsgrad v_hat = max(v_hat, v)
//   w -= step_size * m / (sqrt(s) + epsilon)
//
// keras/src/optimizers/adam.py; PyTorch's form differs only in the epsilon that the host hands down.
//
// Parts: row.

struct AdamStep {
    step_size: f32,
    epsilon: f32,
    one_minus_beta_1: f32,
    one_minus_beta_2: f32,
    decay: f32,
    // What a summed gradient is multiplied by, and the largest that an element of it may then be; with CLIPPED alone.
    gradient_scale: f32,
    gradient_limit: f32,
    // The step's number, modulo 2^32.
    number: u32,
}

override AMSGRAD: bool;
override CLIPPED: bool;

@group(0) @binding(1) var<uniform> step: AdamStep;
@group(0) @binding(2) var<storage, read_write> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> first_moment: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> second_moment: array<vec4<f32>>;
// Without amsgrad a small buffer that is never touched.
@group(0) @binding(5) var<storage, read_write> largest_moment: array<vec4<f32>>;

struct Quad {
    w: vec4<f32>,
    m: vec4<f32>,
    v: vec4<f32>,
    // The square of what the step is divided by: v, or v_hat.
    s: vec4<f32>,
}

fn load_quad(index: u32) -> Quad {
    var quad = Quad(weights[index], first_moment[index], second_moment[index], vec4<f32>());
    quad.s = quad.v;
    if AMSGRAD {
        quad.s = largest_moment[index];
    }
    return quad;
}

fn store_quad(index: u32, quad: Quad) {
    weights[index] = quad.w;
    first_moment[index] = quad.m;
    second_moment[index] = quad.v;
    if AMSGRAD {
        largest_moment[index] = quad.s;
    }
}

fn update_quad(old: Quad, gradient: vec4<f32>) -> Quad {
    var g = gradient;
    if CLIPPED {
        g *= step.gradient_scale;
        // By comparison, which leaves a NaN where it is.
        let limit = vec4<f32>(step.gradient_limit);
        g = select(g, limit, g > limit);
        g = select(g, -limit, g < -limit);
    }
    let m = old.m + (g - old.m) * step.one_minus_beta_1;
    let v = old.v + (g * g - old.v) * step.one_minus_beta_2;
    var s = v;
    if AMSGRAD {
        // On the bits, whose order is that of numbers not negative, with NaN above them all: a NaN must reach s, as it
        // does in PyTorch, and the max() of floats may lose it.
        s = bitcast<vec4<f32>>(max(bitcast<vec4<u32>>(v), bitcast<vec4<u32>>(old.s)));
    }
    return Quad(old.w * step.decay - step.step_size * m / (sqrt(s) + step.epsilon), m, v, s);
}
