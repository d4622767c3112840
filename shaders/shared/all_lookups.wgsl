// Work for the gather from a table of one shard, or for indices that the host does not know: one piece of work a
// lookup, whatever its shard. There is at least one lookup.
//
// Parts: shard, lookups.

// Past the last lookup the last one is read, so that no load waits for a branch.
fn find_lookup(work: u32) -> Lookup {
    let number = min(work, batch.count - 1u);
    let row = row_of(lookups[batch.rows + number], shard.input_dim);
    return Lookup(number, row, lookups[batch.places + number], work < batch.count);
}
