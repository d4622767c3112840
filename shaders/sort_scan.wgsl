// counts[digit, block] = how many lookups of this digit are in the blocks before, from how many are in each
//
// Behind them, in one more row, counts[digit_count(), digit] = how many there are in all. Of many blocks a
// workgroup scans one digit's; of few a thread does, four loads ahead.
//
// Parts: grid, sort_source, workgroup_scan.

@group(0) @binding(2) var<storage, read_write> counts: array<u32>;

// Blocks that are few.
const FEW_BLOCKS: u32 = 64u;

fn scan_few(digit: u32) {
    let row = digit * sort.block_count;
    let last = sort.block_count - 1u;
    var before = 0u;
    for (var block = 0u; block < sort.block_count; block += 4u) {
        let entries = vec4(row) + min(vec4(block) + vec4(0u, 1u, 2u, 3u), vec4(last));
        let a = counts[entries.x];
        let b = counts[entries.y];
        let c = counts[entries.z];
        let d = counts[entries.w];
        counts[entries.x] = before;
        before += a;
        if block + 1u <= last {
            counts[entries.y] = before;
            before += b;
        }
        if block + 2u <= last {
            counts[entries.z] = before;
            before += c;
        }
        if block + 3u <= last {
            counts[entries.w] = before;
            before += d;
        }
    }
    counts[digit_count() * sort.block_count + digit] = before;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn sort_scan(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    if sort.block_count <= FEW_BLOCKS {
        let digit = workgroup.x * WORKGROUP_SIZE + local;
        if digit < digit_count() {
            scan_few(digit);
        }
        return;
    }
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
