// counts[block] = how many runs start in a block of the sorted lookups, and how many of its lookups are valid
//
// One workgroup a block.
//
// Parts: grid, sort_source, workgroup_scan, run_count.

@group(0) @binding(2) var<storage, read_write> counts: array<RunCount>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn run_heads(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let block = workgroup.y * grid.x + workgroup.x;
    var count = RunCount(0u, 0u);
    if block < sort.block_count {
        let start = block * sort.block_items;
        let end = min(start + sort.block_items, sort.count);
        for (var entry = start + local; entry < end; entry += WORKGROUP_SIZE) {
            let key = source_key(entry);
            if key < sort.input_dim {
                count.valid += 1u;
                if entry == 0u || source_key(entry - 1u) != key {
                    count.heads += 1u;
                }
            }
        }
    }
    let heads = workgroup_scan(local, count.heads).total;
    workgroupBarrier();
    let valid = workgroup_scan(local, count.valid).total;
    if local == 0u && block < sort.block_count {
        counts[block] = RunCount(heads, valid);
    }
}
