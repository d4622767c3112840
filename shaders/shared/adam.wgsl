// Adam on one quad, with the step's scalars from the host (src/optimizer/adam.rs takes all powers in f64):
//
//   g  = clip(gradient_scale * g)
//   w *= decay
//   m += (g - m) * (1 - beta_1)
//   v += (c g) g - c v              with c = 1 - beta_2
//   s  = v, or with amsgrad v_hat = max(v_hat, v)
//   w -= step_size * m / (sqrt(s) + epsilon)
//
// keras/src/optimizers/adam.py; PyTorch's form differs only in the epsilon that the host hands down.
//
// v is written as PyTorch has it, for g * g overflows where c g g does not. Past the largest f32 it stays there, so that
// the row goes on; Keras's and PyTorch's v is infinite then.
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

// The bits of infinity, of the largest f32, and of the sign.
const INFINITY: u32 = 0x7f800000u;
const LARGEST: u32 = 0x7f7fffffu;
const SIGN: u32 = 0x80000000u;

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

// A value that no compiler reorders or fuses across: the operation is on the bits, and changes a single NaN alone.
// NVIDIA's makes c * (g * g) of (c * g) * g, which overflows.
fn pinned(value: vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>(min(bitcast<vec4<u32>>(value), vec4<u32>(0xfffffffeu)));
}

// The largest size of an element is `limit`. On the bits, whose order is that of sizes, with NaN above them all: by
// comparison of floats NVIDIA's compiler makes a min() of it, which loses a NaN.
fn limited(g: vec4<f32>, limit: f32) -> vec4<f32> {
    let bits = bitcast<vec4<u32>>(g);
    let size = bits & vec4<u32>(~SIGN);
    let is_larger = (size > vec4<u32>(bitcast<u32>(limit))) & (size <= vec4<u32>(INFINITY));
    return bitcast<vec4<f32>>(select(bits, (bits & vec4<u32>(SIGN)) | vec4<u32>(bitcast<u32>(limit)), is_larger));
}

// The test is on the bits, for a compiler may take floats to be finite. An infinite gradient is no overflow: it makes v
// infinite and w NaN, as it should.
fn second_moment_of(old: vec4<f32>, g: vec4<f32>) -> vec4<f32> {
    let c = step.one_minus_beta_2;
    let v = bitcast<vec4<u32>>(old + (pinned(c * g) * g - c * old));
    let overflows = (v == vec4<u32>(INFINITY)) & ((bitcast<vec4<u32>>(g) & vec4<u32>(~SIGN)) < vec4<u32>(INFINITY));
    return bitcast<vec4<f32>>(select(v, vec4<u32>(LARGEST), overflows));
}

fn update_quad(old: Quad, gradient: vec4<f32>) -> Quad {
    var g = gradient;
    if CLIPPED {
        g = limited(g * step.gradient_scale, step.gradient_limit);
    }
    let m = old.m + (g - old.m) * step.one_minus_beta_1;
    let v = second_moment_of(old.v, g);
    var s = v;
    if AMSGRAD {
        // On the bits, whose order is that of numbers not negative, with NaN above them all: a NaN must reach s, as it
        // does in PyTorch, and the max() of floats may lose it.
        s = bitcast<vec4<f32>>(max(bitcast<vec4<u32>>(v), bitcast<vec4<u32>>(old.s)));
    }
    return Quad(old.w * step.decay - step.step_size * m / (sqrt(s) + step.epsilon), m, v, s);
}
