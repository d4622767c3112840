// keys[query, row] = sum over the row's elements of query * row; where COSINE is 1, over the row's length
//
// A row without length has cosine 0.
//
// A thread takes 4 rows and 4 queries, or a single one where QUERIES is 1, so that each number it reads serves several
// times. Its rows are a quarter of the piece apart: neighbouring threads take neighbouring rows, read the same part of the
// queries at once, and what they write lies side by side. All rows are summed in the same order, so that equal rows have
// equal bits.
//
// Parts: grid, piece, score_key, a storage, compared.

@compute @workgroup_size(WORKGROUP_SIZE)
fn similarity(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let thread = thread_number(workgroup, grid, local);
    let quarter = (piece.row_count + 3u) / 4u;
    let query = thread / quarter * QUERIES;
    if query >= piece.query_count {
        return;
    }
    let rows = thread % quarter + quarter * vec4(0u, 1u, 2u, 3u);
    // The last quarter may overhang: it reads another row then, and does not write.
    let entries = (piece.first_of_shard + min(rows, vec4(piece.row_count - 1u))) * QUADS;
    let query_quads = query * QUADS;
    // Of each query, the scores of the 4 rows.
    var first = vec4<f32>();
    var second = vec4<f32>();
    var third = vec4<f32>();
    var fourth = vec4<f32>();
    var squares = vec4<f32>();
    for (var quad = 0u; quad < QUADS; quad++) {
        let x = unpacked(weights[entries.x + quad]);
        let y = unpacked(weights[entries.y + quad]);
        let z = unpacked(weights[entries.z + quad]);
        let w = unpacked(weights[entries.w + quad]);
        squares += vec4(dot(x, x), dot(y, y), dot(z, z), dot(w, w));
        // A vector times a matrix is the vector's products with the columns.
        let columns = mat4x4(x, y, z, w);
        first += queries[query_quads + quad] * columns;
        if QUERIES == 4u {
            second += queries[query_quads + QUADS + quad] * columns;
            third += queries[query_quads + 2u * QUADS + quad] * columns;
            fourth += queries[query_quads + 3u * QUADS + quad] * columns;
        }
    }
    let lengths = sqrt(squares);
    store(query, rows, first, lengths);
    if QUERIES == 4u {
        store(query + 1u, rows, second, lengths);
        store(query + 2u, rows, third, lengths);
        store(query + 3u, rows, fourth, lengths);
    }
}

fn store(query: u32, rows: vec4<u32>, products: vec4<f32>, lengths: vec4<f32>) {
    var scores = products;
    if COSINE == 1u {
        scores = select(products / lengths, vec4<f32>(), lengths == vec4(0.0));
    }
    let start = query * piece.row_count;
    for (var i = 0u; i < 4u; i++) {
        if rows[i] < piece.row_count {
            keys[start + rows[i]] = score_key(scores[i]);
        }
    }
}
