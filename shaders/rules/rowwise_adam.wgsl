// Row-wise Adam on one quad, with the step's scalars from the host (src/optimizer/rowwise_adam.rs):
//
//   w -= w * decay_rate
//   m += (g - m) * (1 - beta_1)
//   v += c mean(g * g) - c v         over the row, with c = 1 - beta_2; v is the row's number
//   w -= step_size * m / (sqrt(v) + epsilon)
//
// m is `first`. The forms of epsilon differ only in what the host hands down, as in adam.wgsl.
//
// Parts: arithmetic, quad, step, row_term.

struct RowWiseAdamStep {
    step_size: f32,
    epsilon: f32,
    one_minus_beta_1: f32,
    one_minus_beta_2: f32,
}

// The bits of the largest f32.
const LARGEST: u32 = 0x7f7fffffu;

@group(0) @binding(6) var<uniform> rule: RowWiseAdamStep;

// Past the largest f32 it stays there, so that the row goes on to move. What is infinite here is an overflow: the term of an
// infinite gradient is NaN.
fn new_row_number(old: f32, term: f32) -> f32 {
    let c = rule.one_minus_beta_2;
    let change = subtract_numbers(multiply_numbers(c, term), multiply_numbers(c, old));
    let v = bitcast<u32>(add_numbers(old, change));
    return bitcast<f32>(select(v, LARGEST, v == INFINITY));
}

fn apply(old: Quad, g: vec4<f32>, row_number: f32) -> Quad {
    let m = add(old.first, multiply(subtract(g, old.first), vec4<f32>(rule.one_minus_beta_1)));
    let root = add(square_root(vec4<f32>(row_number)), vec4<f32>(rule.epsilon));
    let moved = divide(multiply(vec4<f32>(rule.step_size), m), root);
    return Quad(subtract(decayed(old.w), moved), m, old.second, old.third);
}
