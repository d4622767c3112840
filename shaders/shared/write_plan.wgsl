// Writes a plan from sorted lookups, each thread for ITEMS neighbouring ones.
//
// The kernel has `sorted_key` and `sorted_position` of an entry, the former the sentinel past the end.
//
// Parts: grid, sort_source, sort_tile, plan_layout.

@group(0) @binding(2) var<uniform> batch: PlanLayout;
@group(0) @binding(3) var<storage, read_write> plan: array<u32>;

// The key before an entry: at the very start the sentinel, which no valid lookup has.
fn key_before(entry: u32) -> u32 {
    if entry == 0u {
        return sort.input_dim;
    }
    return sorted_key(entry - 1u);
}

// How many of this thread's lookups start a run.
fn count_heads(first: u32) -> u32 {
    var before = key_before(first);
    var heads = 0u;
    for (var i = 0u; i < ITEMS; i++) {
        let key = sorted_key(first + i);
        heads += select(0u, 1u, key != before && key < sort.input_dim);
        before = key;
    }
    return heads;
}

// The sections' entries that belong to these lookups. `first` is their entry, `run` the runs that start before it.
fn write_lookups(first: u32, run: u32, run_count: u32, valid_count: u32) {
    var before = key_before(first);
    // Runs that start up to here.
    var runs = run;
    for (var i = 0u; i < ITEMS; i++) {
        let entry = first + i;
        let key = sorted_key(entry);
        if entry < valid_count {
            plan[batch.order + entry] = sorted_position(entry);
            if key != before {
                plan[batch.rows + runs] = key;
                plan[batch.starts + runs] = entry;
                // The shards from the last run's to this one's, without the former.
                let after = select(0u, before / sort.rows_per_shard + 1u, entry > 0u);
                for (var shard = after; shard <= key / sort.rows_per_shard; shard++) {
                    plan[batch.shards + shard] = runs;
                }
                runs += 1u;
            }
        }
        if entry < sort.count && entry % CHUNK == 0u {
            plan[batch.blocks + entry / CHUNK] = select(run_count, runs - 1u, entry < valid_count);
        }
        if entry + 1u == valid_count {
            for (var shard = key / sort.rows_per_shard + 1u; shard < sort.shard_count; shard++) {
                plan[batch.shards + shard] = run_count;
            }
        }
        before = key;
    }
}

// What there is once in a plan; for one workgroup.
fn write_ends(local: u32, run_count: u32, valid_count: u32) {
    if local == 0u {
        plan[0] = run_count;
        plan[1] = valid_count;
        plan[2] = 0u;
        plan[3] = 0u;
        plan[batch.starts + run_count] = valid_count;
        plan[batch.blocks + (sort.count - 1u) / CHUNK + 1u] = run_count;
        plan[batch.shards + sort.shard_count] = run_count;
    }
    if valid_count == 0u {
        for (var shard = local; shard < sort.shard_count; shard += WORKGROUP_SIZE) {
            plan[batch.shards + shard] = 0u;
        }
    }
}
