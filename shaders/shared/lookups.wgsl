// A batch's lookups: one array of u32 in sections, of which LookupLayout says where each begins (src/gpu/lookups.rs
// describes them).
//
// Parts: sentinels.

// In words.
struct LookupLayout {
    // Lookups in the batch.
    count: u32,
    rows: u32,
    places: u32,
    positions: u32,
    shards: u32,
}

struct Lookup {
    // In the batch.
    position: u32,
    // Of the table, or INVALID or PADDING.
    row: u32,
    // Where the row lies; in no shard where there is no row.
    place: u32,
    exists: bool,
}

@group(1) @binding(0) var<uniform> batch: LookupLayout;
@group(1) @binding(1) var<storage, read> lookups: array<u32>;

// The row that an index stands for.
fn row_of(index: u32, input_dim: u32) -> u32 {
    return select(INVALID, index, index < input_dim || index == PADDING);
}

fn is_row(row: u32) -> bool {
    return row < PADDING;
}
