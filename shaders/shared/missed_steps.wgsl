// Deferred Adam: what the steps do to a row that they gave no gradient, all of them at once.
//
// A row whose last update was step t0 has since missed k = now - t0 steps. With s = sqrt(v) then (amsgrad: sqrt(v_hat)):
//
//   w  = C_now / C_t0 * (w - m * sum over j = 1 .. k of p_j / (s + epsilon e_j))
//   m *= beta_1^k,  v *= beta_2^k
//
// src/optimizer/history.rs derives it, and writes `history` in f64: for each t0 the sum as a rule of two nodes,
// (P s + A) / (s^2 + B s + C), exact to rounding where s is at least least_root; elsewhere the sum is done term by term,
// from the step sizes of the steps missed. The terms fall so fast that `horizon` of them are all.
//
// Kernels take a row's quads by the rule first and come back for those it does not cover, which are few: adapters that
// run both sides of a branch would otherwise pay for the terms at every quad.
//
// Parts: row.

override DECAYING: bool;
// Whether there are steps in the history whose rule does not cover all elements.
override TERMS: bool;

// Words 0 .. 3: now, and C_now's mantissa and exponent; the horizon. Then 256 quads (beta_1^i, beta_2^i, r^i, 0), then
// RING / 256 + 1 of the same at i * 256, then RING steps of three quads each, step t in place t % RING:
// (P, A, B, C), (least_root, C_t's mantissa, its exponent, 0), (step size, epsilon, 0, 0).
@group(0) @binding(7) var<storage, read> history: array<vec4<u32>>;

override RING: u32;
const FIRST_POWER: u32 = 1u;
const POWERS: u32 = 256u;

// What is the same for all elements of a row.
struct Missed {
    count: u32,
    since: u32,
    rule: vec4<f32>,
    least_root: f32,
    // C_now / C_t0
    decay: f32,
    // beta_1^k and beta_2^k
    powers: vec2<f32>,
}

fn history_step(step: u32) -> u32 {
    return FIRST_POWER + POWERS + RING / POWERS + 1u + step % RING * 3u;
}

// beta_1^i, beta_2^i and r^i; i at most RING.
fn powers_of(i: u32) -> vec3<f32> {
    let low = bitcast<vec4<f32>>(history[FIRST_POWER + i % POWERS]);
    let high = bitcast<vec4<f32>>(history[FIRST_POWER + POWERS + i / POWERS]);
    return low.xyz * high.xyz;
}

// The quotient of two running products of decays, each a mantissa and an exponent; at most that of the horizon.
fn decay_between(earlier: vec2<u32>, later: vec2<u32>) -> f32 {
    let mantissa = bitcast<f32>(later.x) / bitcast<f32>(earlier.x);
    let exponent = bitcast<i32>(later.y - earlier.y);
    // Below that it is zero in f32, and ldexp may say anything.
    return select(ldexp(mantissa, exponent), 0.0, exponent < -120);
}

// The steps between the last update of a row and the last step of all.
fn missed_since(last_step: u32) -> Missed {
    var missed = Missed(history[0].x - last_step, last_step, vec4<f32>(), 0.0, 1.0, vec2<f32>(1.0));
    // A row that this very step has updated is ahead of it by one.
    if bitcast<i32>(missed.count) <= 0 {
        missed.count = 0u;
        return missed;
    }
    let place = history_step(last_step);
    let start = history[place + 1u];
    missed.rule = bitcast<vec4<f32>>(history[place]);
    missed.least_root = bitcast<f32>(start.x);
    if DECAYING {
        missed.decay = decay_between(start.yz, history[0].yz);
    }
    missed.powers = powers_of(missed.count).xy;
    return missed;
}

// The sum, term by term: p_j / (s + epsilon e_j) = step size * beta_1^j / (s r^j + epsilon of the step).
fn sum_by_terms(missed: Missed, s_squared: vec4<f32>) -> vec4<f32> {
    let root = sqrt(s_squared);
    var sum = vec4<f32>();
    // The smallest first, which rounds less.
    for (var j = min(missed.count, history[0].w); j >= 1u; j--) {
        let place = history_step(missed.since + j);
        let term = bitcast<vec4<f32>>(history[place + 2u]);
        let powers = powers_of(j);
        var size = term.x * powers.x;
        if DECAYING {
            size /= decay_between(history[history_step(missed.since) + 1u].yz, history[place + 1u].yz);
        }
        sum += size / (root * powers.z + term.y);
    }
    return sum;
}

// Whether the rule gives the sum for these elements; where m = 0 there is none to give. s_squared is v, or v_hat with
// amsgrad.
fn rule_covers(missed: Missed, m: vec4<f32>, s_squared: vec4<f32>) -> bool {
    if !TERMS {
        return true;
    }
    // Not the opposite, which a NaN would pass.
    return all((sqrt(s_squared) >= vec4<f32>(missed.least_root)) | (m == vec4<f32>()));
}

fn sum_by_rule(missed: Missed, s_squared: vec4<f32>) -> vec4<f32> {
    let root = sqrt(s_squared);
    // Near the end of f32, and beyond it, epsilon is nothing, and the square must not be infinite above and below.
    let large = root > vec4<f32>(1e18);
    let above = select(missed.rule.x * root + missed.rule.y, vec4<f32>(missed.rule.x), large);
    return above / select(s_squared + missed.rule.z * root + missed.rule.w, root, large);
}

// The weights after the steps missed.
fn moved(missed: Missed, w: vec4<f32>, m: vec4<f32>, sum: vec4<f32>) -> vec4<f32> {
    // A row that never had a gradient stays where it is, whatever the sum is there.
    return missed.decay * (w - select(m * sum, vec4<f32>(), m == vec4<f32>()));
}
