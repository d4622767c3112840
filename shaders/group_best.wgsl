// best[query, group] = the key and the row of the group's best: of the highest key the lowest row
//
// The k best rows of all are in the k best groups, ordered by their best rows: were one in another group, then that
// group's best row and those of k better groups would all come before it. So it is the groups that are sorted, and then the
// rows of k of them.
//
// One thread a group and query. A group's rows are group_count apart, so that neighbouring threads read neighbouring keys.
// Rows are numbered from the piece's first one. Four keys are loaded before the first of them is compared.
//
// Parts: grid, piece, score_key.

@group(0) @binding(1) var<storage, read> keys: array<u32>;
@group(0) @binding(2) var<storage, read_write> best: array<vec2<u32>>;

// A row's key; past the last row the least there is. Loaded without a branch, so that no load waits for another.
fn key_of(query: u32, row: u32) -> u32 {
    return select(NO_CANDIDATE, keys[query * piece.row_count + min(row, piece.row_count - 1u)], row < piece.row_count);
}

fn better(found: vec2<u32>, key: u32, row: u32) -> vec2<u32> {
    return select(found, vec2(key, row), key > found.x);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn group_best(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let thread = thread_number(workgroup, grid, local);
    let query = thread / piece.group_count;
    if query >= piece.query_count {
        return;
    }
    let first = thread % piece.group_count;
    var found = vec2(keys[query * piece.row_count + first], first);
    for (var row = first + piece.group_count; row < piece.row_count; row += 4u * piece.group_count) {
        let rows = vec4(row) + vec4(0u, 1u, 2u, 3u) * piece.group_count;
        let a = key_of(query, rows.x);
        let b = key_of(query, rows.y);
        let c = key_of(query, rows.z);
        let d = key_of(query, rows.w);
        found = better(better(better(better(found, a, rows.x), b, rows.y), c, rows.z), d, rows.w);
    }
    best[thread] = found;
}
