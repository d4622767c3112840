// Adagrad on one quad (src/optimizer/adagrad.rs):
//
//   w -= w * decay_rate
//   G += g * g
//   w -= learning_rate * (g / (sqrt(G + epsilon_inside) + epsilon_outside))
//
// One of the epsilons is 0: Keras's stands inside of the root, PyTorch's outside. G is `first`.
//
// The quotient comes first: it is at most 1 or so, where learning_rate * g may overflow.
//
// Parts: arithmetic, quad, step.

struct AdagradStep {
    learning_rate: f32,
    epsilon_inside: f32,
    epsilon_outside: f32,
}

// The bits of the largest f32.
const LARGEST: u32 = 0x7f7fffffu;

@group(0) @binding(6) var<uniform> rule: AdagradStep;

// Past the largest f32 it stays there, so that the weight goes on to move. The test is on the bits, for a compiler may take
// floats to be finite. An infinite gradient is no overflow: it makes G infinite and w NaN, as it should.
fn sum_with(old: vec4<f32>, g: vec4<f32>) -> vec4<f32> {
    let sum = bitcast<vec4<u32>>(add(old, multiply(g, g)));
    let overflows = (sum == vec4<u32>(INFINITY)) & ((bitcast<vec4<u32>>(g) & vec4<u32>(~SIGN)) < vec4<u32>(INFINITY));
    return bitcast<vec4<f32>>(select(sum, vec4<u32>(LARGEST), overflows));
}

fn apply(old: Quad, g: vec4<f32>, row_number: f32) -> Quad {
    let sum = sum_with(old.first, g);
    let root = add(square_root(add(sum, vec4<f32>(rule.epsilon_inside))), vec4<f32>(rule.epsilon_outside));
    let moved = multiply(vec4<f32>(rule.learning_rate), divide(g, root));
    return Quad(subtract(decayed(old.w), moved), sum, old.second, old.third);
}
