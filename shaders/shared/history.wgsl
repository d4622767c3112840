// What the host remembers of past steps, so that rows can be caught up with them (src/optimizer/history.rs).
//
// Parts: arithmetic_native.

override DECAYING: bool;
// Whether there are steps in the history whose rule does not cover all elements.
override TERMS: bool;

// Words 0 .. 3: now, and C_now's mantissa and exponent; the horizon. Then 256 quads (beta_1^i, beta_2^i, r^i, 0), then
// RING / 256 + 1 of the same at i * 256, then RING steps of three quads each, step t in place t % RING:
// (P, A, B, C), (least_root, C_t's mantissa, its exponent, 0), (step size, epsilon, 0, 0).
@group(0) @binding(5) var<storage, read> history: array<vec4<u32>>;

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
    return multiply(low, high).xyz;
}

// The quotient of two running products of decays, each a mantissa and an exponent; at most that of the horizon.
fn decay_between(earlier: vec2<u32>, later: vec2<u32>) -> f32 {
    let mantissa = divide_numbers(bitcast<f32>(later.x), bitcast<f32>(earlier.x));
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
