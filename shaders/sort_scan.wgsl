// counts[digit, block] = how many lookups of this digit are in the blocks before, from how many are in each
//
// Behind them, in one more row, counts[digit_count(), digit] = how many there are in all. One workgroup a digit. Where there are
// few blocks, this kernel is not dispatched: sort_scatter adds the counts up itself.
//
// Parts: grid, sort_source, workgroup_scan.

@group(0) @binding(2) var<storage, read_write> counts: array<u32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn sort_scan(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let digit = workgroup.x;
    let row = digit * sort.block_count;
    // A thread has some neighbouring blocks.
    let per_thread = (sort.block_count + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;
    let first = row + min(local * per_thread, sort.block_count);
    let end = row + min((local + 1u) * per_thread, sort.block_count);
    var sum = 0u;
    for (var entry = first; entry < end; entry++) {
        sum += counts[entry];
    }
    let scan = workgroup_scan(local, sum);
    var before = scan.before;
    for (var entry = first; entry < end; entry++) {
        let count = counts[entry];
        counts[entry] = before;
        before += count;
    }
    if local == 0u {
        counts[digit_count() * sort.block_count + digit] = scan.total;
    }
}
