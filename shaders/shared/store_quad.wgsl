// The way back of quad.wgsl and row_state.wgsl.
//
// Parts: row, quad, row_state, table_write, a storage's way back.

// `row` is its number in the table, `step` the one after which the row is so.
fn store_quad(row: u32, place: u32, quad: u32, step: u32, value: Quad) {
    let first = place * QUADS * ARRAYS + quad;
    weights[place * QUADS + quad] = packed(value.w, row, quad, step);
    if ARRAYS > 0u {
        state[first] = value.first;
    }
    if ARRAYS > 1u {
        state[first + QUADS] = value.second;
    }
    if ARRAYS > 2u {
        state[first + 2u * QUADS] = value.third;
    }
}

// Of a row's threads the first alone writes it.
fn store_row_number(lane: Lane, place: u32, number: f32) {
    if ROW_NUMBERS > 0u && lane.part == 0u {
        row_state[place * ROW_WORDS + ROW_WORDS - 1u] = bitcast<u32>(number);
    }
}
