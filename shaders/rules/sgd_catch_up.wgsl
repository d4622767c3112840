// Deferred SGD with momentum mu: what the steps do to a row that they gave no gradient, all of them at once.
//
//   w  = C_now / C_t0 * (w - b * sum over j = 1 .. k of p_j),    b *= mu^k
//
// with p_j = learning rate * mu^j * C_t0 / C_tau in PyTorch's form and -mu^j * C_t0 / C_tau in Keras's; with nesterov one
// factor mu more (src/optimizer/sgd.rs). The sum is the same for all rows of one step t0: the history has it in place of
// the last quotient's weight.
//
// Parts: arithmetic, quad, history.

fn is_covered(missed: Missed, old: Quad) -> bool {
    return true;
}

fn catch_up(missed: Missed, old: Quad) -> Quad {
    let sum = vec4<f32>(missed.last_pair.y);
    // A row that never had a gradient stays where it is, whatever the sum is there.
    let moved = select(multiply(old.first, sum), vec4<f32>(), old.first == vec4<f32>());
    let w = multiply(vec4<f32>(missed.decay), subtract(old.w, moved));
    return Quad(w, multiply(old.first, vec4<f32>(missed.powers.x)), old.second, old.third);
}

fn catch_up_by_terms(missed: Missed, old: Quad) -> Quad {
    return catch_up(missed, old);
}

fn row_number_after(missed: Missed) -> f32 {
    return missed.row_number;
}
