// plan = the sorted lookups, their runs, and where blocks and shards find them (src/gpu/plan.rs)
//
// One workgroup a block of the lookups. It first adds up what run_heads counted.
//
// Parts: grid, sort_source, workgroup_scan, sort_tile, plan_layout, write_plan, run_count.

// 1: each block is one tile.
override ONE_TILE: u32;

@group(0) @binding(4) var<storage, read> counts: array<RunCount>;

fn sorted_key(entry: u32) -> u32 {
    if entry < sort.count {
        return source_key(entry);
    }
    return sort.input_dim;
}

fn sorted_position(entry: u32) -> u32 {
    return source_lookup(entry).position;
}

// Writes what the tile that starts at `tile` gives, with `run` runs before it; gives how many start in it.
fn plan_tile(local: u32, tile: u32, run: u32, run_count: u32, valid_count: u32) -> u32 {
    let first = tile + local * ITEMS;
    // The last scan's results have been read.
    workgroupBarrier();
    let heads = workgroup_scan(local, count_heads(first));
    write_lookups(first, run + heads.before, run_count, valid_count);
    return heads.total;
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
    let valid_count = workgroup_scan(local, count.valid).total;
    workgroupBarrier();
    var run = workgroup_scan(local, select(0u, count.heads, local < block)).total;

    // A workgroup too many has no tile.
    let start = min(block, sort.block_count) * sort.block_items;
    let end = min(start + sort.block_items, sort.count);
    if ONE_TILE == 1u {
        // Without the loop, as in sort_scatter.
        plan_tile(local, start, run, run_count, valid_count);
    } else {
        for (var tile = start; tile < end; tile += TILE) {
            run += plan_tile(local, tile, run, run_count, valid_count);
        }
    }
    if block == 0u {
        write_ends(local, run_count, valid_count);
    }
}
