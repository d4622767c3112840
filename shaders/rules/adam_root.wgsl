// What deferred Adam divides by: the root of v, or of v_hat with amsgrad, at the start of a segment.
//
// Parts: arithmetic, quad, history, adam_state.

fn root_of(missed: Missed, old: Quad) -> vec4<f32> {
    return square_root(s_squared_of(old));
}

// Adam keeps nothing of a row as a whole.
fn row_number_after(missed: Missed) -> f32 {
    return missed.row_number;
}
