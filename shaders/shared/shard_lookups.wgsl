// Work for the gather from a table of several shards: one piece of work a lookup of this shard alone, so that a table of
// many shards costs no more than one of few. There is at least one lookup.
//
// Parts: shard, lookups.

// Past the last lookup the last one is read, so that no load waits for a branch.
fn find_lookup(work: u32) -> Lookup {
    let number = lookups[batch.shards + shard.number] + work;
    let read = min(number, batch.count - 1u);
    let exists = number < lookups[batch.shards + shard.number + 1u];
    return Lookup(lookups[batch.positions + read], lookups[batch.rows + read], lookups[batch.places + read], exists);
}
