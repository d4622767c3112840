// keys[query, row] = sum over the row's elements of query * row; where COSINE is 1, over the row's length
//
// queries [query_count, QUADS * 4], for the cosine of length 1, unused elements zero; keys [query_count, row_count]. A
// row without length has cosine 0.
//
// A thread takes one row and 4 queries, so that a row is read once for 4 of them, or a single one where QUERIES is 1; and
// neighbouring threads take neighbouring rows: all of them read the same part of the queries at once, and what they write
// lies side by side. The elements are added four by four in order, the four sums at the end, so that equal rows have
// equal bits.
//
// Parts: grid, piece, score_key.

override QUADS: u32;
override COSINE: u32;
override QUERIES: u32;

@group(0) @binding(1) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> queries: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> keys: array<u32>;

fn total(sums: vec4<f32>) -> f32 {
    return (sums.x + sums.y) + (sums.z + sums.w);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn similarity(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let thread = thread_number(workgroup, grid, local);
    let row = thread % piece.row_count;
    let query = thread / piece.row_count * QUERIES;
    if query >= piece.query_count {
        return;
    }
    let row_quads = (piece.first_of_shard + row) * QUADS;
    let query_quads = query * QUADS;
    var first = vec4<f32>();
    var second = vec4<f32>();
    var third = vec4<f32>();
    var fourth = vec4<f32>();
    var squares = vec4<f32>();
    for (var quad = 0u; quad < QUADS; quad++) {
        let values = weights[row_quads + quad];
        squares += values * values;
        first += values * queries[query_quads + quad];
        if QUERIES == 4u {
            second += values * queries[query_quads + QUADS + quad];
            third += values * queries[query_quads + 2u * QUADS + quad];
            fourth += values * queries[query_quads + 3u * QUADS + quad];
        }
    }
    var scores = vec4(total(first), total(second), total(third), total(fourth));
    if COSINE == 1u {
        let length = sqrt(total(squares));
        scores = select(scores / length, vec4<f32>(), length == 0.0);
    }
    let place = query * piece.row_count + row;
    keys[place] = score_key(scores.x);
    if QUERIES == 4u {
        keys[place + piece.row_count] = score_key(scores.y);
        keys[place + 2u * piece.row_count] = score_key(scores.z);
        keys[place + 3u * piece.row_count] = score_key(scores.w);
    }
}
