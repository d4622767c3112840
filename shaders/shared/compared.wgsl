// What a similarity is computed of, and its scores: a shard's weights, queries [query_count, QUADS * 4], for the cosine of
// length 1, unused elements zero, and keys [query_count, row_count].
//
// Parts: a storage.

override QUADS: u32;
override COSINE: u32;
// Queries that a thread takes, 1 or 4.
override QUERIES: u32;

@group(0) @binding(1) var<storage, read> weights: array<StoredQuad>;
@group(0) @binding(2) var<storage, read> queries: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> keys: array<u32>;
