// counts[digit, block] = how many lookups of this digit are in the blocks before, from how many are in each.
//
// Behind them, in one more row, counts[digit_count(), digit] = how many there are in all. One workgroup scans one digit. A
// batch of few blocks needs no scan: sort_scatter adds its counts up.
//
// Parts: grid, sort_source, workgroup_scan.

@group(0) @binding(2) var<storage, read_write> counts: array<u32>;

// Blocks of a thread in one round: their counts are loaded before the first is used.
const AT_ONCE: u32 = 4u;

@compute @workgroup_size(WORKGROUP_SIZE)
fn sort_scan(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let digit = workgroup.x;
    let row = digit * sort.block_count;
    var before = 0u;
    for (var first = 0u; first < sort.block_count; first += AT_ONCE * WORKGROUP_SIZE) {
        let blocks = vec4(first + AT_ONCE * local) + vec4(0u, 1u, 2u, 3u);
        let exist = blocks < vec4(sort.block_count);
        // Past the end the last entry is loaded, and not used.
        let entries = vec4(row) + min(blocks, vec4(sort.block_count - 1u));
        let loaded = vec4(counts[entries.x], counts[entries.y], counts[entries.z], counts[entries.w]);
        let each = select(vec4<u32>(), loaded, exist);
        let scan = workgroup_scan(local, each.x + each.y + each.z + each.w);
        let starts = vec4(before + scan.before) + vec4(0u, each.x, each.x + each.y, each.x + each.y + each.z);
        for (var i = 0u; i < AT_ONCE; i++) {
            if exist[i] {
                counts[entries[i]] = starts[i];
            }
        }
        before += scan.total;
        // The next round's workgroup_scan overwrites what this one read.
        workgroupBarrier();
    }
    if local == 0u {
        counts[digit_count() * sort.block_count + digit] = before;
    }
}
