// What a shard keeps, to update: its weights, the optimizer's state of each element (quad.wgsl), and words of each row
// (row_state.wgsl). What an optimizer does not keep is a small buffer that is never touched.
//
// Parts: row, a storage.

@group(0) @binding(2) var<storage, read_write> weights: array<StoredQuad>;
@group(0) @binding(3) var<storage, read_write> state: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> row_state: array<u32>;

// `place` counts from the shard's first.
fn load_weights(place: u32, quad: u32) -> vec4<f32> {
    return unpacked(weights[place * QUADS + quad]);
}
