// Deferred Adam, and row-wise Adam: what the steps do to a row that they gave no gradient, all of them at once.
//
// A row whose last update was step t0 has since missed k = now - t0 steps. With s = sqrt(v) then (amsgrad: sqrt(v_hat);
// row-wise: the root of the row's v):
//
//   w  = C_now / C_t0 * (w - m * sum over j = 1 .. k of p_j / (s + epsilon e_j))
//   m *= beta_1^k,  v *= beta_2^k
//
// src/optimizer/history.rs derives it, and writes `history` in f64: for each t0 the sum as a few quotients
// W / (s + epsilon E), exact to rounding where s is at least least_root; elsewhere the sum is done term by term, from the
// step sizes of the steps missed. The terms fall so fast that HORIZON of them are all.
//
// Parts: arithmetic, quad, history, adam_root or rowwise_adam_catch_up.

// Terms of a sum, at most; with TERMS alone.
override HORIZON: u32;

// Whether the rule gives the sum for these elements; where m = 0 there is none to give.
fn is_covered(missed: Missed, old: Quad) -> bool {
    if !TERMS {
        return true;
    }
    // Not the opposite, which a NaN would pass.
    return all((root_of(missed, old) >= vec4<f32>(missed.least_root)) | (old.first == vec4<f32>()));
}

fn catch_up(missed: Missed, old: Quad) -> Quad {
    let root = root_of(missed, old);
    // The smallest first, which rounds less. Quotients that a step has too many are 0, and add nothing: so the sum does not
    // depend on PAIRS.
    var sum = vec4<f32>();
    if PAIRS > 2u {
        sum = add_pair(sum, missed.first_pair, root);
    }
    if PAIRS > 1u {
        sum = add_pair(sum, missed.second_pair, root);
    }
    return moved(missed, old, add_pair(sum, missed.last_pair, root));
}

fn add_pair(sum: vec4<f32>, pair: vec4<f32>, root: vec4<f32>) -> vec4<f32> {
    let first = add(sum, divide(vec4<f32>(pair.x), add(root, vec4<f32>(pair.z))));
    return add(first, divide(vec4<f32>(pair.y), add(root, vec4<f32>(pair.w))));
}

// The sum, term by term: p_j / (s + epsilon e_j) = step size * beta_1^j / (s r^j + epsilon of the step).
fn catch_up_by_terms(missed: Missed, old: Quad) -> Quad {
    let root = root_of(missed, old);
    var sum = vec4<f32>();
    // The smallest first, which rounds less.
    for (var j = min(missed.count, HORIZON); j >= 1u; j--) {
        let entry = history_step(missed.since + j);
        let term = bitcast<vec4<f32>>(history[entry + 4u]);
        let powers = powers_of(j);
        var size = multiply_numbers(term.x, powers.x);
        if DECAYING {
            size = divide_numbers(size, decay_between(history[missed.entry + 3u], decay_at(missed.since + j)));
        }
        sum = add(sum, divide(vec4<f32>(size), add(multiply(root, vec4<f32>(powers.z)), vec4<f32>(term.y))));
    }
    return moved(missed, old, sum);
}

fn moved(missed: Missed, old: Quad, sum: vec4<f32>) -> Quad {
    // A row that never had a gradient stays where it is, whatever the sum is there.
    let step = select(multiply(old.first, sum), vec4<f32>(), old.first == vec4<f32>());
    let w = multiply(vec4<f32>(missed.decay), subtract(old.w, step));
    return Quad(w, multiply(old.first, vec4<f32>(missed.powers.x)), multiply(old.second, vec4<f32>(missed.powers.y)), old.third);
}
