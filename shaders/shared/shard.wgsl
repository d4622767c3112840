// A shard holds the table's rows first_row .. first_row + row_count.

struct Shard {
    first_row: u32,
    row_count: u32,
    // Rows of the whole table.
    input_dim: u32,
}
