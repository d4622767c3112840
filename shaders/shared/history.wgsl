// What the host remembers of past steps, so that rows can be caught up with them (src/optimizer/history.rs).
//
// Parts: arithmetic.

override DECAYING: bool;
// Whether there are steps in the history whose rule does not cover all elements.
override TERMS: bool;
// Pairs of quotients that the rules need, 1 to 3: the last of the three that each step has.
override PAIRS: u32;
// Catch-up is cut at multiples of it.
override CUT: u32;
override RING: u32;

// First 256 quads (beta_1^i, beta_2^i, r^i, 0), then RING / 256 + 1 of the same at i * 256, then RING steps of five quads each,
// step t in entry t % RING: three of two quotients each, (W, W, epsilon E, epsilon E); (least_root, C_t's mantissa, its
// exponent, the mantissa's reciprocal), (step size, epsilon, 0, 0). Last the decays from one cut to the next, segment i in
// entry i % (RING / CUT).
//
// C is 2^exponent times its mantissa, which is in 1/2 .. 1: a mantissa counts 2^-32ths, and its reciprocal 2^-31ths.
@group(0) @binding(5) var<storage, read> history: array<vec4<u32>>;

const POWERS: u32 = 256u;
const STEP_QUADS: u32 = 5u;

// The steps without a gradient that a row has missed, up to the next cut: what is the same for all its elements.
struct Missed {
    // Its number in the table.
    row: u32,
    count: u32,
    since: u32,
    // The step up to which the row is to be caught up, with all that it has missed.
    until: u32,
    entry: u32,
    // The quotients of the step `since`, in pairs, of which the last always counts (adam_catch_up.wgsl).
    first_pair: vec4<f32>,
    second_pair: vec4<f32>,
    last_pair: vec4<f32>,
    least_root: f32,
    // C_end / C_since
    decay: f32,
    // beta_1^k and beta_2^k
    powers: vec2<f32>,
    // What the optimizer keeps of the row as a whole (row_state.wgsl).
    row_number: f32,
}

fn history_step(step: u32) -> u32 {
    return POWERS + RING / POWERS + 1u + step % RING * STEP_QUADS;
}

// beta_1^i, beta_2^i and r^i; i at most RING.
fn powers_of(i: u32) -> vec3<f32> {
    let low = bitcast<vec4<f32>>(history[i % POWERS]);
    let high = bitcast<vec4<f32>>(history[POWERS + i / POWERS]);
    return multiply(low, high).xyz;
}

// The quotient of two running products of decays, at most that of the horizon. The words hold more than an f32 does, and
// their upper 12 bits have an exact product: so it is rounded once, however a compiler may fuse. A division may be off by
// more than two roundings, and its operands by one each.
fn decay_between(earlier: vec4<u32>, later: vec2<u32>) -> f32 {
    let a = halves(later.x);
    let r = halves(earlier.w);
    let least = multiply_numbers(multiply_numbers(a.y, r.y), LOWER_UNIT);
    let mixed = add_numbers(add_numbers(multiply_numbers(a.x, r.y), multiply_numbers(a.y, r.x)), least);
    let product = add_numbers(pinned_number(multiply_numbers(a.x, r.x)), multiply_numbers(mixed, LOWER_UNIT));
    let exponent = bitcast<i32>(later.y - earlier.z);
    // Below that it is zero in f32, and ldexp may say anything.
    return select(ldexp(multiply_numbers(product, PRODUCT_UNIT), exponent), 0.0, exponent < -120);
}

// A word's upper 12 bits and its lower 20.
fn halves(word: u32) -> vec2<f32> {
    return vec2(f32(word >> 20u), f32(word & 0xfffffu));
}

// 2^-20, and 2^-32 * 2^-31 * 2^40.
const LOWER_UNIT: f32 = 9.5367431640625e-7;
const PRODUCT_UNIT: f32 = 1.1920928955078125e-7;

// The steps after `since` up to the next cut, or to `until` if that comes first.
fn missed_between(row: u32, since: u32, until: u32, row_number: f32) -> Missed {
    let none = vec4<f32>();
    var missed = Missed(row, 0u, since, until, 0u, none, none, none, 0.0, 1.0, vec2<f32>(1.0), row_number);
    // A row that this very step has updated is ahead of it by one. Steps are counted modulo 2^32.
    if bitcast<i32>(until - since) <= 0 {
        return missed;
    }
    missed.count = min(until - since, CUT - since % CUT);
    missed.entry = history_step(since);
    // Once a row, not once a quad.
    if PAIRS > 2u {
        missed.first_pair = bitcast<vec4<f32>>(history[missed.entry]);
    }
    if PAIRS > 1u {
        missed.second_pair = bitcast<vec4<f32>>(history[missed.entry + 1u]);
    }
    missed.last_pair = bitcast<vec4<f32>>(history[missed.entry + 2u]);
    let start = history[missed.entry + 3u];
    missed.least_root = bitcast<f32>(start.x);
    if DECAYING {
        if missed.count == CUT {
            // The host has rounded it once.
            missed.decay = bitcast<f32>(history[history_step(0u) + RING * STEP_QUADS + since / CUT % (RING / CUT)].x);
        } else {
            missed.decay = decay_between(start, decay_at(since + missed.count));
        }
    }
    missed.powers = powers_of(missed.count).xy;
    return missed;
}

// C_step, mantissa and exponent; of a step whose entry has come, the last one at most.
fn decay_at(step: u32) -> vec2<u32> {
    return history[history_step(step) + 3u].yz;
}
