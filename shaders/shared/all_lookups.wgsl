// Work for the gather from a table of one shard, or for indices that the host does not know: one piece of work a
// lookup, whatever its shard.
//
// Parts: shard, lookups.

fn find_lookup(work: u32) -> Lookup {
    if work >= batch.count {
        return Lookup(0u, INVALID, INVALID, false);
    }
    return Lookup(work, row_of(lookups[batch.rows + work], shard.input_dim), lookups[batch.places + work], true);
}
