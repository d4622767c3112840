// Of optimizers that keep no number a row. row_term.wgsl is the same with one.
//
// Parts: row.

fn updated_row_number(lane: Lane, row: u32, summed: Summed, live: bool) -> f32 {
    return 0.0;
}

fn store_row_number(lane: Lane, row: u32, number: f32) {}
