// Adam on every row of one shard; a row outside the batch has gradient zero.
//
// A workgroup takes 1,024 consecutive quads of the shard, so at most 1,024 rows. It first finds which of its rows the
// batch has: a binary search in the sorted rows, then one note a row in workgroup memory. So no gradient of the
// table's size is ever built or cleared: the bytes moved are w, m, v (v_hat) once each way, and the batch's sums.
//
// Parts: grid, row, runs, adam.

const QUADS_PER_WORKGROUP: u32 = 1024u;
const NO_RUN: u32 = 0xffffffffu;

@group(0) @binding(5) var<uniform> runs: Runs;
@group(0) @binding(6) var<storage, read> rows: array<u32>;
@group(0) @binding(7) var<storage, read> sums: array<vec4<f32>>;

// The run of each of the workgroup's rows, or NO_RUN.
var<workgroup> run_of_row: array<u32, QUADS_PER_WORKGROUP>;

// The first run in first..end whose row is at least `row`.
fn lower_bound(first: u32, end: u32, row: u32) -> u32 {
    var low = first;
    var high = end;
    while low < high {
        let middle = low + (high - low) / 2u;
        if rows[middle] < row {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    return low;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn adam_dense(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    // A folded grid may overhang: such a workgroup finds no rows, but goes through the barriers with the others.
    let quad_count = runs.row_count * QUADS;
    let first_quad = min((workgroup.y * grid.x + workgroup.x) * QUADS_PER_WORKGROUP, quad_count);
    let end_quad = min(first_quad + QUADS_PER_WORKGROUP, quad_count);
    let first_row = first_quad / QUADS;
    let end_row = (end_quad + QUADS - 1u) / QUADS;

    for (var slot = local; slot < QUADS_PER_WORKGROUP; slot += WORKGROUP_SIZE) {
        run_of_row[slot] = NO_RUN;
    }
    workgroupBarrier();
    let end_run = runs.first_run + runs.run_count;
    let first_run = lower_bound(runs.first_run, end_run, runs.first_row + first_row);
    for (var run = first_run + local; run < end_run; run += WORKGROUP_SIZE) {
        let row = rows[run] - runs.first_row;
        if row >= end_row {
            break;
        }
        run_of_row[row - first_row] = run;
    }
    workgroupBarrier();

    for (var quad = first_quad + local; quad < end_quad; quad += WORKGROUP_SIZE) {
        let row = quad / QUADS;
        let run = run_of_row[row - first_row];
        var g = vec4<f32>();
        if run != NO_RUN {
            g = sums[run * QUADS + quad % QUADS];
        }
        update_quad(quad, g);
    }
}
