// Counts the indices outside 0..input_dim, and keeps the lowest position at which one stands.
//
// One thread an index. All zeros is the report of nothing found, so that a cleared buffer is a cleared report: the
// position is kept as its complement, which is never zero, and the largest complement is the lowest position.
//
// Parts: grid, sentinels, lookups.

struct TableSize {
    input_dim: u32,
}

struct Report {
    count_low: atomic<u32>,
    // Carries, so that a count of exactly 2^32 does not read as none.
    count_high: atomic<u32>,
    first_complement: atomic<u32>,
}

@group(0) @binding(0) var<uniform> table: TableSize;
@group(0) @binding(1) var<storage, read_write> report: Report;

@compute @workgroup_size(WORKGROUP_SIZE)
fn index_check(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let position = thread_number(workgroup, grid, local);
    if position >= batch.count {
        return;
    }
    if row_of(lookups[batch.rows + position], table.input_dim) == INVALID {
        if atomicAdd(&report.count_low, 1u) == 0xffffffffu {
            atomicAdd(&report.count_high, 1u);
        }
        atomicMax(&report.first_complement, ~position);
    }
}
