// The rows that are compared at once, `first_row .. first_row + row_count` of the table, all of one shard, and the queries.
//
// keys [query, row_count]: the score of each of these rows (shaders/shared/score_key.wgsl).

struct Piece {
    first_row: u32,
    // The first row's number in its shard.
    first_of_shard: u32,
    row_count: u32,
    // One, or a multiple of 4.
    query_count: u32,
    // Rows are dealt out in this many groups, one after the other: row i to group i % group_count.
    group_count: u32,
    // Pairs in `excluded`.
    excluded_count: u32,
}

@group(0) @binding(0) var<uniform> piece: Piece;
