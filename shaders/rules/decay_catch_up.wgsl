// What steps do to a row that they gave no gradient, where nothing but decoupled weight decay moves it: SGD without
// momentum, Adagrad, row-wise Adagrad. All of them at once, w = C_now / C_t0 * w.
//
// Parts: arithmetic, quad, history.

fn is_covered(missed: Missed, old: Quad) -> bool {
    return true;
}

fn catch_up(missed: Missed, old: Quad) -> Quad {
    return Quad(multiply(vec4<f32>(missed.decay), old.w), old.first, old.second, old.third);
}

fn catch_up_by_terms(missed: Missed, old: Quad) -> Quad {
    return catch_up(missed, old);
}

fn row_number_after(missed: Missed) -> f32 {
    return missed.row_number;
}
