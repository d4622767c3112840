// Work for the update of a shard's runs of at most a chunk: one piece of work a run, summed straight from the gradient.
//
// Parts: shard, plan_layout, plan, sum_lookups.

fn find_run(work: u32) -> Run {
    let run = plan[batch.shards + shard.number] + work;
    if run >= plan[batch.shards + shard.number + 1u] {
        return no_run();
    }
    let found = run_number(run);
    if found.end - found.start > CHUNK {
        return no_run();
    }
    return found;
}

fn sum_of(run: Run, quad: u32) -> vec4<f32> {
    return sum_lookups(run.start, run.end, quad);
}
