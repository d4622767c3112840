// Adam on the batch's rows of one shard, summed and updated in one; every other row keeps its weights and moments.
//
// One build takes the short runs and one the long (shaders/shared/short_runs.wgsl, long_runs.wgsl). THREADS threads a
// run; bytes moved: each gradient once, and each of w, m, v (v_hat) read and written once.
//
// Parts: grid, row, shard, plan_layout, plan, those of the runs, adam.

@compute @workgroup_size(WORKGROUP_SIZE)
fn adam_lazy(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let thread = thread_number(workgroup, grid, local);
    let run = find_run(thread / THREADS);
    if run.end == 0u {
        return;
    }
    let first_quad = (run.row - shard.first_row) * QUADS;
    for (var quad = thread % THREADS; quad < QUADS; quad += THREADS) {
        // All loads before the first store, so that their cache misses overlap.
        let old = load_quad(first_quad + quad);
        store_quad(first_quad + quad, update_quad(old, sum_of(run, quad)));
    }
}
