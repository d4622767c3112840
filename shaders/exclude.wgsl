// keys[query, row] = NO_CANDIDATE, for each pair of a query and a row to leave out
//
// One thread a pair; a pair whose query is EVERY_QUERY is for all of them. No two pairs name the same key.
//
// Parts: grid, piece, score_key.

const EVERY_QUERY: u32 = 0xffffffffu;

struct Excluded {
    query: u32,
    // Its number in the table.
    row: u32,
}

@group(0) @binding(1) var<storage, read> excluded: array<Excluded>;
@group(0) @binding(2) var<storage, read_write> keys: array<u32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn exclude(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let thread = thread_number(workgroup, grid, local);
    if thread >= piece.excluded_count {
        return;
    }
    let pair = excluded[thread];
    // Wraps to a large number for rows of earlier pieces.
    let row = pair.row - piece.first_row;
    if row >= piece.row_count {
        return;
    }
    if pair.query != EVERY_QUERY {
        keys[pair.query * piece.row_count + row] = NO_CANDIDATE;
        return;
    }
    for (var query = 0u; query < piece.query_count; query++) {
        keys[query * piece.row_count + row] = NO_CANDIDATE;
    }
}
