// A shard holds the table's rows first_row .. first_row + row_count.

struct Shard {
    first_row: u32,
    row_count: u32,
    // Rows of the whole table.
    input_dim: u32,
    // Its number among the shards.
    number: u32,
}

@group(0) @binding(0) var<uniform> shard: Shard;
