// A shard's weights, to look up: [row_count, QUADS].

@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
