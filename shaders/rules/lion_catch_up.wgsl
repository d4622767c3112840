// Deferred Lion: what the steps do to a row that they gave no gradient, all of them up to a cut at once.
//
//   w  = C_now / C_t0 * (w - sign(m) * sum over j = 1 .. k of p_j),    m *= beta_2^k
//
// with p_j = learning rate * C_t0 / C_tau: u = beta_1 * m has m's sign, and m keeps it, for |m| stays at 2^-125 or above.
// The sum is the same for all rows of one step t0: the history has it in place of the last quotient's weight.
//
// Parts: arithmetic, quad, history, lion_sign.

fn is_covered(missed: Missed, old: Quad) -> bool {
    return true;
}

fn catch_up(missed: Missed, old: Quad) -> Quad {
    let sum = vec4<f32>(missed.last_pair.y);
    let w = multiply(vec4<f32>(missed.decay), subtract(old.w, multiply(sign_of(old.first), sum)));
    let m = kept_moment(old.first, multiply(old.first, vec4<f32>(missed.powers.x)));
    return Quad(w, m, old.second, old.third);
}

fn catch_up_by_terms(missed: Missed, old: Quad) -> Quad {
    return catch_up(missed, old);
}

fn row_number_after(missed: Missed) -> f32 {
    return missed.row_number;
}
