// The way back of quad.wgsl.
//
// Parts: row, quad, table_write.

fn store_quad(row: u32, quad: u32, value: Quad) {
    let place = row * QUADS * ARRAYS + quad;
    weights[row * QUADS + quad] = value.w;
    if ARRAYS > 0u {
        state[place] = value.first;
    }
    if ARRAYS > 1u {
        state[place + QUADS] = value.second;
    }
    if ARRAYS > 2u {
        state[place + 2u * QUADS] = value.third;
    }
}
