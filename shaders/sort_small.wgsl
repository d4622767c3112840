// plan = a batch of at most one tile, sorted, with its runs: all of it in one workgroup, 8 bits of the key a pass
//
// Parts: grid, sort_source, workgroup_scan, sort_tile, plan_layout, write_plan.

// What fills up the tile has the sentinel for a key, and stays behind all lookups. Loaded without a
// branch, so that no load waits for another.
fn tile_key(entry: u32) -> u32 {
    return select(sort.input_dim, source_key(min(entry, sort.count - 1u)), entry < sort.count);
}

fn sorted_position(entry: u32) -> u32 {
    return exchange[spread(entry)] & ENTRY_MASK;
}

fn sorted_key(entry: u32) -> u32 {
    return tile_key(sorted_position(entry));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn sort_small(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    for (var i = 0u; i < ITEMS; i++) {
        exchange[spread(local * ITEMS + i)] = local * ITEMS + i;
    }
    for (var shift = 0u; shift < sort.key_bits; shift += 8u) {
        for (var i = 0u; i < ITEMS; i++) {
            let own = spread(local * ITEMS + i);
            let entry = exchange[own] & ENTRY_MASK;
            exchange[own] = (((tile_key(entry) >> shift) & 0xffu) << ENTRY_BITS) | entry;
        }
        sort_tile(local, min(sort.key_bits - shift, 8u));
    }

    let first = local * ITEMS;
    var valid = 0u;
    for (var i = 0u; i < ITEMS; i++) {
        valid += select(0u, 1u, sorted_key(first + i) < sort.input_dim);
    }
    // Both counts are at most TILE: one scan for the two.
    workgroupBarrier();
    let scan = workgroup_scan(local, (count_heads(first) << 16u) | valid);
    let run_count = scan.total >> 16u;
    let valid_count = scan.total & 0xffffu;
    if workgroup.x == 0u && workgroup.y == 0u {
        write_lookups(first, scan.before >> 16u, run_count, valid_count);
        write_ends(local, run_count, valid_count);
    }
}
