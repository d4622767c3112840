// plan = the sorted lookups, their runs, and where blocks and shards find them (src/gpu/new_plan.rs)
//
// One workgroup a block of the lookups. It first adds up what run_heads counted.
//
// Parts: grid, sort_source, workgroup_scan, sort_tile, plan_layout, write_plan, run_count.

@group(0) @binding(4) var<storage, read> counts: array<RunCount>;

fn sorted_key(place: u32) -> u32 {
    if place < sort.count {
        return source_key(place);
    }
    return sort.input_dim;
}

fn sorted_position(place: u32) -> u32 {
    return source_lookup(place).position;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn run_plan(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let block = workgroup.x;
    // There are no more blocks than threads.
    var count = RunCount(0u, 0u);
    if local < sort.block_count {
        count = counts[local];
    }
    let run_count = workgroup_scan(local, count.heads).total;
    workgroupBarrier();
    let kept_count = workgroup_scan(local, count.kept).total;
    workgroupBarrier();
    var run = workgroup_scan(local, select(0u, count.heads, local < block)).total;

    // A workgroup too many does nothing.
    let start = min(block, sort.block_count) * sort.block_items;
    let end = min(start + sort.block_items, sort.count);
    for (var tile = start; tile < end; tile += TILE) {
        let first = tile + local * ITEMS;
        // The last scan's results have been read.
        workgroupBarrier();
        let heads = workgroup_scan(local, count_heads(first));
        write_lookups(first, run + heads.before, run_count, kept_count);
        run += heads.total;
    }
    if block == 0u {
        write_ends(local, run_count, kept_count);
    }
}
