// Work for the gather from a table of several shards: one piece of work a lookup of this shard alone, so that a table of
// many shards costs no more than one of few.
//
// Parts: shard, lookups.

fn find_lookup(work: u32) -> Lookup {
    let number = lookups[batch.shards + shard.number] + work;
    if number >= lookups[batch.shards + shard.number + 1u] {
        return Lookup(0u, INVALID, INVALID, false);
    }
    let position = lookups[batch.positions + number];
    return Lookup(position, lookups[batch.rows + number], lookups[batch.places + number], true);
}
