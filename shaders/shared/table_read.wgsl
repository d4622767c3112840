// What a shard keeps beside its weights, to look up: the optimizer's state of each element (quad.wgsl), and words of each
// row (row_state.wgsl).
//
// Parts: weights_read.

@group(0) @binding(3) var<storage, read> state: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> row_state: array<u32>;
