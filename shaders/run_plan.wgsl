// plan = the sorted lookups, their runs, and where blocks and shards find them (src/gpu/plan.rs)
//
// One workgroup a block, which is a tile. It first adds up what run_heads counted.
//
// Parts: grid, sort_source, workgroup_scan, sort_tile, plan_layout, write_plan, run_count.

@group(0) @binding(4) var<storage, read> counts: array<RunCount>;

// Loaded without a branch, so that no load waits for another.
fn sorted_key(entry: u32) -> u32 {
    return select(sort.input_dim, source_key(min(entry, sort.count - 1u)), entry < sort.count);
}

fn sorted_position(entry: u32) -> u32 {
    return source_lookup(entry).position;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn run_plan(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    // A folded grid may overhang: such a workgroup has an empty tile.
    let block = min(workgroup.y * grid.x + workgroup.x, sort.block_count);
    var heads = 0u;
    var heads_before = 0u;
    var valid = 0u;
    for (var other = local; other < sort.block_count; other += WORKGROUP_SIZE) {
        let count = counts[other];
        heads += count.heads;
        heads_before += select(0u, count.heads, other < block);
        valid += count.valid;
    }
    let run_count = workgroup_scan(local, heads).total;
    workgroupBarrier();
    let valid_count = workgroup_scan(local, valid).total;
    workgroupBarrier();
    let run = workgroup_scan(local, heads_before).total;
    workgroupBarrier();
    let first = block * TILE + local * ITEMS;
    let of_tile = workgroup_scan(local, count_heads(first));
    write_lookups(first, run + of_tile.before, run_count, valid_count);
    if block == 0u {
        write_ends(local, run_count, valid_count);
    }
}
