// Work for the update of a shard's runs of more than a chunk: one piece of work for each CHUNK places of the order, in
// which one such run starts at most. They are summed from their partial sums.
//
// Parts: shard, plan_layout, plan, partial_slots, sum_partials.

fn find_run(work: u32) -> Run {
    if work >= chunks_of(batch.lookup_count, CHUNK) {
        return Run(0u, 0u, 0u);
    }
    let found = long_run_from(work * CHUNK, CHUNK);
    // Wraps to a large number for rows of earlier shards.
    if found.row - shard.first_row >= shard.row_count {
        return Run(0u, 0u, 0u);
    }
    return found;
}

fn sum_of(run: Run, quad: u32) -> vec4<f32> {
    return sum_partials(run, quad);
}
