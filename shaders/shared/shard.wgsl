// A shard holds the rows that lie in places first_place .. first_place + place_count. A row's place is its number in the table,
// where all of the table is on the GPU.

struct ShardPlaces {
    first_place: u32,
    place_count: u32,
    // Rows of the whole table.
    input_dim: u32,
    // Its number among the shards.
    number: u32,
    // Of stochastic rounding.
    seed: u32,
}

@group(0) @binding(0) var<uniform> shard: ShardPlaces;
