// plan = a batch of at most one tile, sorted, with its runs: all of it in one workgroup, 8 bits of the key a pass
//
// Parts: grid, sort_source, workgroup_scan, sort_tile, plan_layout, write_plan.

// What fills up the tile has the sentinel for a key, and stays behind all lookups.
fn tile_key(place: u32) -> u32 {
    if place < sort.count {
        return source_key(place);
    }
    return sort.input_dim;
}

fn sorted_position(place: u32) -> u32 {
    return exchange[spread(place)] & PLACE_MASK;
}

fn sorted_key(place: u32) -> u32 {
    return tile_key(sorted_position(place));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn sort_small(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    for (var i = 0u; i < ITEMS; i++) {
        exchange[spread(local * ITEMS + i)] = local * ITEMS + i;
    }
    for (var shift = 0u; shift < sort.key_bits; shift += 8u) {
        for (var i = 0u; i < ITEMS; i++) {
            let own = spread(local * ITEMS + i);
            let place = exchange[own] & PLACE_MASK;
            exchange[own] = (((tile_key(place) >> shift) & 0xffu) << PLACE_BITS) | place;
        }
        sort_tile(local, min(sort.key_bits - shift, 8u));
    }

    let first = local * ITEMS;
    var kept = 0u;
    for (var i = 0u; i < ITEMS; i++) {
        kept += select(0u, 1u, sorted_key(first + i) < sort.input_dim);
    }
    // Both counts are at most TILE: one scan for the two.
    workgroupBarrier();
    let scan = workgroup_scan(local, (count_heads(first) << 16u) | kept);
    let run_count = scan.total >> 16u;
    let kept_count = scan.total & 0xffffu;
    if workgroup.x == 0u && workgroup.y == 0u {
        write_lookups(first, scan.before >> 16u, run_count, kept_count);
        write_ends(local, run_count, kept_count);
    }
}
