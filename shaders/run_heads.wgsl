// counts[block] = how many runs start in a block of the sorted lookups, and how many of its lookups are valid
//
// One workgroup a block. Of a whole one a thread loads all its keys before it counts the first.
//
// Parts: grid, sort_source, workgroup_scan, run_count.

@group(0) @binding(2) var<storage, read_write> counts: array<RunCount>;

// What one lookup adds, with the key of the one before.
fn count_of(key: u32, before: u32) -> vec2<u32> {
    let is_valid = key < sort.input_dim;
    return vec2(select(0u, 1u, is_valid && key != before), select(0u, 1u, is_valid));
}

// Before the first lookup stands the sentinel, which no valid lookup has.
fn key_before(entry: u32) -> u32 {
    return select(source_key(max(entry, 1u) - 1u), sort.input_dim, entry == 0u);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn run_heads(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let block = workgroup.y * grid.x + workgroup.x;
    // Runs that start, and valid lookups.
    var count = vec2(0u);
    if block < sort.block_count {
        let start = block * TILE;
        let first = start + local;
        if sort.count - start >= TILE {
            let a = vec2(source_key(first), key_before(first));
            let b = vec2(source_key(first + WORKGROUP_SIZE), key_before(first + WORKGROUP_SIZE));
            let c = vec2(source_key(first + 2u * WORKGROUP_SIZE), key_before(first + 2u * WORKGROUP_SIZE));
            let d = vec2(source_key(first + 3u * WORKGROUP_SIZE), key_before(first + 3u * WORKGROUP_SIZE));
            let e = vec2(source_key(first + 4u * WORKGROUP_SIZE), key_before(first + 4u * WORKGROUP_SIZE));
            let f = vec2(source_key(first + 5u * WORKGROUP_SIZE), key_before(first + 5u * WORKGROUP_SIZE));
            let g = vec2(source_key(first + 6u * WORKGROUP_SIZE), key_before(first + 6u * WORKGROUP_SIZE));
            let h = vec2(source_key(first + 7u * WORKGROUP_SIZE), key_before(first + 7u * WORKGROUP_SIZE));
            count = count_of(a.x, a.y) + count_of(b.x, b.y) + count_of(c.x, c.y) + count_of(d.x, d.y);
            count += count_of(e.x, e.y) + count_of(f.x, f.y) + count_of(g.x, g.y) + count_of(h.x, h.y);
        } else {
            for (var entry = first; entry < sort.count; entry += WORKGROUP_SIZE) {
                count += count_of(source_key(entry), key_before(entry));
            }
        }
    }
    let heads = workgroup_scan(local, count.x).total;
    workgroupBarrier();
    let valid = workgroup_scan(local, count.y).total;
    if local == 0u && block < sort.block_count {
        counts[block] = RunCount(heads, valid);
    }
}
