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
}

override MOMENTUM: bool;
override KERAS: bool;
override NESTEROV: bool;

@group(0) @binding(6) var<uniform> rule: SgdStep;

fn apply(old: Quad, g: vec4<f32>, row_number: f32) -> Quad {
    let w = decayed(old.w);
    let rate = vec4<f32>(rule.learning_rate);
    if !MOMENTUM {
        return Quad(subtract(w, multiply(rate, g)), old.first, old.second, old.third);
    }
    let left = vec4<f32>(rule.momentum);
    if KERAS {
        let move_of_g = multiply(rate, g);
        let m = subtract(multiply(left, old.first), move_of_g);
        var move_of_all = m;
        if NESTEROV {
            move_of_all = subtract(multiply(left, m), move_of_g);
        }
        return Quad(add(w, move_of_all), m, old.second, old.third);
    }
    let b = add(multiply(left, old.first), g);
    var direction = b;
    if NESTEROV {
        direction = add(g, multiply(left, b));
    }
    return Quad(subtract(w, multiply(rate, direction)), b, old.second, old.third);
}
