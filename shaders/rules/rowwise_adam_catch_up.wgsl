// What deferred row-wise Adam divides by: the root of the row's v at the start of a segment; and v at its end.
//
// Parts: arithmetic, quad, history.

fn root_of(missed: Missed, old: Quad) -> vec4<f32> {
    return vec4<f32>(square_root_of_number(missed.row_number));
}

fn row_number_after(missed: Missed) -> f32 {
    return multiply_numbers(missed.row_number, missed.powers.y);
}
