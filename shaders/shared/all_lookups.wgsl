// Work for the gather from a table of one shard, or for indices that the host does not know: one piece of work a
// lookup, whatever its shard.
//
// Parts: lookups.

struct Lookup {
    // In the batch.
    position: u32,
    row: u32,
    exists: bool,
}

fn find_lookup(work: u32) -> Lookup {
    if work >= lookups.count {
        return Lookup(0u, 0u, false);
    }
    return Lookup(work, indices[work], true);
}
