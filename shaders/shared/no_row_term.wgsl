// Of optimizers that keep no number a row. row_term.wgsl is the same with one.
//
// Parts: row.

fn updated_row_number(lane: Lane, old: f32, summed: Summed, live: bool) -> f32 {
    return 0.0;
}
