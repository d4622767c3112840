// The sum of one value a thread over the threads before it, and over all.
//
// Parts: grid.

const SCAN_GROUP: u32 = 16u;

// One word between groups, so that the threads which add up a group each do not meet in one bank.
var<workgroup> scan_values: array<u32, 272>;
var<workgroup> scan_groups: array<u32, 16>;

struct Scan {
    before: u32,
    total: u32,
}

// Called by the whole workgroup, with a barrier between two calls.
fn workgroup_scan(local: u32, value: u32) -> Scan {
    let group = local / SCAN_GROUP;
    scan_values[local + group] = value;
    workgroupBarrier();
    if local < SCAN_GROUP {
        let first = local * (SCAN_GROUP + 1u);
        var sum = 0u;
        for (var i = first; i < first + SCAN_GROUP; i++) {
            let item = scan_values[i];
            scan_values[i] = sum;
            sum += item;
        }
        scan_groups[local] = sum;
    }
    workgroupBarrier();
    var scan = Scan(scan_values[local + group], 0u);
    for (var i = 0u; i < SCAN_GROUP; i++) {
        let sum = scan_groups[i];
        scan.before += select(0u, sum, i < group);
        scan.total += sum;
    }
    return scan;
}
