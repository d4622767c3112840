// Where partial sums are kept. Level 0 sums chunks of 64 entries of the order, level 1 chunks of 64 of these, that is
// of 4,096 entries, and so on; a chunk begins at a multiple of its length from its run's own start. Only runs longer
// than a level's chunk have chunks in it.
//
// A level has two slots for each `length` entries of the order: one for a run's first chunk that begins there, one for
// a later chunk. More cannot begin in `length` entries, for a run with chunks is longer than that. So slots follow from
// a run's start alone, and no two chunks share one.
//
// Parts: row, plan.

fn chunks_of(count: u32, length: u32) -> u32 {
    return (count - 1u) / length + 1u;
}

fn level_slots(length: u32) -> u32 {
    return 2u * chunks_of(batch.lookup_count, length);
}

// The slot, in its level, of chunk `chunk` of a run.
fn partial_slot(start: u32, length: u32, chunk: u32) -> u32 {
    return 2u * (start / length + chunk) + min(chunk, 1u);
}
