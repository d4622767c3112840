// A shard's weights, to look up: [row_count, QUADS].
//
// Parts: row, a storage.

@group(0) @binding(2) var<storage, read> weights: array<StoredQuad>;

// `place` counts from the shard's first.
fn load_weights(place: u32, quad: u32) -> vec4<f32> {
    return unpacked(weights[place * QUADS + quad]);
}
