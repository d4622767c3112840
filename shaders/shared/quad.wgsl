// Four neighbouring weights of a row with what the optimizer keeps of each: the state's arrays in the order in which the
// optimizer lists them. What it does not keep is zero.
//
// `state` has a record for each row, of ARRAYS * QUADS vec4s, one array after the other.
//
// Parts: row, table_read or table_write.

override ARRAYS: u32;

struct Quad {
    w: vec4<f32>,
    first: vec4<f32>,
    second: vec4<f32>,
    third: vec4<f32>,
}

// `place` counts from the shard's first.
fn load_quad(place: u32, quad: u32) -> Quad {
    return with_state(load_weights(place, quad), place, quad);
}

// With the weights as they were loaded before.
fn with_state(w: vec4<f32>, place: u32, quad: u32) -> Quad {
    let first = place * QUADS * ARRAYS + quad;
    var loaded = Quad(w, vec4<f32>(), vec4<f32>(), vec4<f32>());
    if ARRAYS > 0u {
        loaded.first = state[first];
    }
    if ARRAYS > 1u {
        loaded.second = state[first + QUADS];
    }
    if ARRAYS > 2u {
        loaded.third = state[first + 2u * QUADS];
    }
    return loaded;
}
