// Work for the gather from a table of several shards: one piece of work a lookup of this shard alone, so that a table of
// many shards costs no more than one of few.
//
// Parts: shard.

struct Lookup {
    // In the batch.
    position: u32,
    row: u32,
    exists: bool,
}

// Where the pairs begin; then for each shard, and for the end, how many pairs are before its own; then the pairs, a
// position and its row, shard after shard, by rising position.
@group(1) @binding(2) var<storage, read> by_shard: array<u32>;

fn find_lookup(work: u32) -> Lookup {
    let number = by_shard[shard.number + 1u] + work;
    if number >= by_shard[shard.number + 2u] {
        return Lookup(0u, 0u, false);
    }
    let place = by_shard[0] + 2u * number;
    return Lookup(by_shard[place], by_shard[place + 1u], true);
}
