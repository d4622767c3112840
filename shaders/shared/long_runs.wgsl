// Work for the update of a shard's runs of more than a chunk: one piece of work for each CHUNK entries of the order, in
// which one such run starts at most. They are summed from their partial sums.
//
// Parts: shard, plan_layout, plan, partial_slots, sum_partials.

fn find_run(work: u32) -> Run {
    if work >= chunks_of(batch.lookup_count, CHUNK) {
        return no_run();
    }
    let found = long_run_from(work * CHUNK, CHUNK);
    // Wraps to a large number for places of earlier shards.
    if found.place - shard.first_place >= shard.place_count {
        return no_run();
    }
    return found;
}

fn sum_of(run: Run, quad: u32) -> vec4<f32> {
    return sum_partials(run, quad);
}
