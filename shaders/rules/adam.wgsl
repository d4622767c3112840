// Adam on one quad, with the step's scalars from the host (src/optimizer/adam.rs takes all powers in f64):
//
//   w -= w * decay_rate
//   m += (g - m) * (1 - beta_1)
//   v += (c g) g - c v              with c = 1 - beta_2
//   s  = v, or with amsgrad v_hat = max(v_hat, v)
//   w -= step_size * m / (sqrt(s) + epsilon)
//
// m is `first`, v `second`, v_hat `third`. keras/src/optimizers/adam.py; PyTorch's form differs only in the epsilon that the
// host hands down.
//
// v is written as PyTorch has it, for g * g overflows where c g g does not. Past the largest f32 it stays there, so that
// the row goes on; Keras's and PyTorch's v is infinite then.
//
// Parts: arithmetic, quad, step, adam_state.

struct AdamStep {
    step_size: f32,
    epsilon: f32,
    one_minus_beta_1: f32,
    one_minus_beta_2: f32,
}

// The bits of the largest f32.
const LARGEST: u32 = 0x7f7fffffu;

@group(0) @binding(6) var<uniform> rule: AdamStep;

// Pinned, for NVIDIA's compiler makes c * (g * g) of it, which overflows. The test is on the bits, for a compiler may take
// floats to be finite. An infinite gradient is no overflow: it makes v infinite and w NaN, as it should.
fn second_moment_of(old: vec4<f32>, g: vec4<f32>) -> vec4<f32> {
    let c = vec4<f32>(rule.one_minus_beta_2);
    let v = bitcast<vec4<u32>>(add(old, subtract(multiply(pinned(multiply(c, g)), g), multiply(c, old))));
    let overflows = (v == vec4<u32>(INFINITY)) & ((bitcast<vec4<u32>>(g) & vec4<u32>(~SIGN)) < vec4<u32>(INFINITY));
    return bitcast<vec4<f32>>(select(v, vec4<u32>(LARGEST), overflows));
}

fn apply(old: Quad, g: vec4<f32>, row_number: f32) -> Quad {
    let m = add(old.first, multiply(subtract(g, old.first), vec4<f32>(rule.one_minus_beta_1)));
    let v = second_moment_of(old.second, g);
    var s = v;
    if AMSGRAD {
        // On the bits, whose order is that of numbers not negative, with NaN above them all: a NaN must reach s, as it
        // does in PyTorch, and the max() of floats may lose it.
        s = bitcast<vec4<f32>>(max(bitcast<vec4<u32>>(v), bitcast<vec4<u32>>(old.third)));
    }
    let moved = divide(multiply(vec4<f32>(rule.step_size), m), add(square_root(s), vec4<f32>(rule.epsilon)));
    return Quad(subtract(decayed(old.w), moved), m, v, s);
}
