// Gradient descent on one quad (src/optimizer/sgd.rs):
//
//   w -= w * decay_rate
//   no momentum: w -= learning_rate * g
//   PyTorch:     b = momentum * b + g;                    w -= learning_rate * b, or nesterov: (g + momentum * b)
//   Keras:       m = momentum * m - learning_rate * g;    w += m, or nesterov: momentum * m - learning_rate * g
//
// The buffer, b or m, is `first`.
//
// Parts: arithmetic, quad, step.

struct SgdStep {
    learning_rate: f32,
    momentum: f32,
    one_minus_momentum: f32,
}

override MOMENTUM: bool;
override KERAS: bool;
override NESTEROV: bool;

@group(0) @binding(6) var<uniform> rule: SgdStep;

// momentum * b. What the weights move by in all is b / (1 - momentum), so close to 1 it is the difference that must be exact:
// at 0.995 f32 momentum may have it wrong by 6e-6.
fn kept(b: vec4<f32>) -> vec4<f32> {
    if rule.momentum < 0.5 {
        return multiply(vec4<f32>(rule.momentum), b);
    }
    return subtract(b, multiply(vec4<f32>(rule.one_minus_momentum), b));
}

fn apply(old: Quad, g: vec4<f32>, row_number: f32) -> Quad {
    let w = decayed(old.w);
    let rate = vec4<f32>(rule.learning_rate);
    if !MOMENTUM {
        return Quad(subtract(w, multiply(rate, g)), old.first, old.second, old.third);
    }
    if KERAS {
        let move_of_g = multiply(rate, g);
        let m = subtract(kept(old.first), move_of_g);
        var move_of_all = m;
        if NESTEROV {
            move_of_all = subtract(kept(m), move_of_g);
        }
        return Quad(add(w, move_of_all), m, old.second, old.third);
    }
    let b = add(kept(old.first), g);
    var direction = b;
    if NESTEROV {
        direction = add(g, kept(b));
    }
    return Quad(subtract(w, multiply(rate, direction)), b, old.second, old.third);
}
