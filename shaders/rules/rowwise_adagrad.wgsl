// Row-wise Adagrad on one quad (src/optimizer/rowwise_adagrad.rs):
//
//   w -= w * decay_rate
//   G += mean(g * g)                 over the row; G is the row's number
//   w -= learning_rate * (g / (sqrt(G + epsilon_inside) + epsilon_outside))
//
// One of the epsilons is 0, as in adagrad.wgsl.
//
// Parts: arithmetic, quad, step, row_term.

struct RowWiseAdagradStep {
    learning_rate: f32,
    epsilon_inside: f32,
    epsilon_outside: f32,
}

// The bits of the largest f32.
const LARGEST: u32 = 0x7f7fffffu;

@group(0) @binding(6) var<uniform> rule: RowWiseAdagradStep;

// Past the largest f32 it stays there, so that the row goes on to move. What is infinite here is an overflow: the term of an
// infinite gradient is NaN.
fn new_row_number(old: f32, term: f32) -> f32 {
    let sum = bitcast<u32>(add_numbers(old, term));
    return bitcast<f32>(select(sum, LARGEST, sum == INFINITY));
}

fn apply(old: Quad, g: vec4<f32>, row_number: f32) -> Quad {
    let sum = vec4<f32>(row_number);
    let root = add(square_root(add(sum, vec4<f32>(rule.epsilon_inside))), vec4<f32>(rule.epsilon_outside));
    let moved = multiply(vec4<f32>(rule.learning_rate), divide(g, root));
    return Quad(subtract(decayed(old.w), moved), old.first, old.second, old.third);
}
