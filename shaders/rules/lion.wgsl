// Lion on one quad (src/optimizer/lion.rs):
//
//   w -= w * decay_rate
//   u  = beta_1 * m + (1 - beta_1) * g
//   w -= learning_rate * sign(u)
//   m  = beta_2 * m + (1 - beta_2) * g          and |m| at least 2^-125, unless m is 0
//
// m is `first`. keras/src/optimizers/lion.py.
//
// Parts: arithmetic, quad, step, lion_sign.

struct LionStep {
    learning_rate: f32,
    beta_1: f32,
    one_minus_beta_1: f32,
    beta_2: f32,
    one_minus_beta_2: f32,
}

@group(0) @binding(6) var<uniform> rule: LionStep;

fn between(m: vec4<f32>, left: f32, g: vec4<f32>, gain: f32) -> vec4<f32> {
    return add(multiply(vec4<f32>(left), m), multiply(vec4<f32>(gain), g));
}

fn apply(old: Quad, g: vec4<f32>, row_number: f32) -> Quad {
    let has_gradient = is_nonzero(g);
    // Without a gradient u has m's sign, also where beta_1 * m is zero in f32.
    let u = select(old.first, between(old.first, rule.beta_1, g, rule.one_minus_beta_1), has_gradient);
    let w = subtract(decayed(old.w), multiply(vec4<f32>(rule.learning_rate), sign_of(u)));
    let m = between(old.first, rule.beta_2, g, rule.one_minus_beta_2);
    // With one, m is kept for what it has become itself.
    return Quad(w, kept_moment(select(old.first, m, has_gradient), m), old.second, old.third);
}
