// Work for the gather from a table of several shards: one piece of work a lookup of this shard alone, so that a table of
// many shards costs no more than one of few.
//
// Parts: shard, lookups.

struct Lookup {
    // In the batch.
    position: u32,
    row: u32,
    exists: bool,
}

// For each shard, and then for the end, where its positions start below; then the positions, shard after shard, rising.
@group(1) @binding(2) var<storage, read> by_shard: array<u32>;

fn find_lookup(work: u32) -> Lookup {
    let place = by_shard[shard.number] + work;
    if place >= by_shard[shard.number + 1u] {
        return Lookup(0u, 0u, false);
    }
    let position = by_shard[place];
    return Lookup(position, indices[position], true);
}
