// Adam on every row of one shard; a row outside the batch has gradient zero. `gradient` is what scatter_add
// has made of the batch's, a row a run.
//
// A workgroup takes 1,024 consecutive quads of the shard, so at most 1,024 rows. It first finds which of its rows the
// batch has: a binary search in the sorted rows, then one note a row in workgroup memory. So no gradient of the
// table's size is ever built or cleared: the bytes moved are w, m, v (v_hat) once each way, and the batch's sums.
//
// Parts: grid, row, shard, plan_layout, plan, gradient_*, adam.

const QUADS_PER_WORKGROUP: u32 = 1024u;
const NO_RUN: u32 = 0xffffffffu;

// The run of each of the workgroup's rows, or NO_RUN.
var<workgroup> run_of_row: array<u32, QUADS_PER_WORKGROUP>;

// The first run in first..end whose row is at least `row`.
fn lower_bound(first: u32, end: u32, row: u32) -> u32 {
    var low = first;
    var high = end;
    while low < high {
        let middle = low + (high - low) / 2u;
        if plan[batch.rows + middle] < row {
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
    let quad_count = shard.row_count * QUADS;
    let first_quad = min((workgroup.y * grid.x + workgroup.x) * QUADS_PER_WORKGROUP, quad_count);
    let end_quad = min(first_quad + QUADS_PER_WORKGROUP, quad_count);
    let first_row = first_quad / QUADS;
    let end_row = (end_quad + QUADS - 1u) / QUADS;

    for (var slot = local; slot < QUADS_PER_WORKGROUP; slot += WORKGROUP_SIZE) {
        run_of_row[slot] = NO_RUN;
    }
    workgroupBarrier();
    let end_run = plan[batch.shards + shard.number + 1u];
    let first_run = lower_bound(plan[batch.shards + shard.number], end_run, shard.first_row + first_row);
    for (var run = first_run + local; run < end_run; run += WORKGROUP_SIZE) {
        let row = plan[batch.rows + run] - shard.first_row;
        if row >= end_row {
            break;
        }
        run_of_row[row - first_row] = run;
    }
    workgroupBarrier();

    for (var quad = first_quad + local; quad < end_quad; quad += WORKGROUP_SIZE) {
        let run = run_of_row[quad / QUADS - first_row];
        let old = load_quad(quad);
        var g = vec4<f32>();
        if run != NO_RUN {
            g = load_gradient(run, quad % QUADS);
        }
        store_quad(quad, update_quad(old, g));
    }
}
