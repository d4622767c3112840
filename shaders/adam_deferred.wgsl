// Deferred Adam on the batch's rows of one shard: first the steps that a row has missed, then this one. Every other row
// is left as it is, to be caught up when it is next read or updated; so the result is dense Adam's.
//
// One build takes the short runs and one the long (shaders/shared/short_runs.wgsl, long_runs.wgsl). THREADS threads a
// run, each with a step number of its own for its part of the row, so that none waits for another; bytes moved: each
// gradient once, and each of w, m, v (v_hat) read and written once.
//
// Parts: grid, row, shard, plan, those of the runs, adam, missed_steps, catch_up.

@group(0) @binding(6) var<storage, read_write> last_step: array<u32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn adam_deferred(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let thread = thread_number(workgroup, grid, local);
    let run = find_run(thread / THREADS);
    if run.end == 0u {
        return;
    }
    let row = run.row - shard.first_row;
    let part = thread % THREADS;
    let missed = missed_since(last_step[row * THREADS + part]);
    for (var quad = part; quad < QUADS; quad += THREADS) {
        // All loads before the first store, so that their cache misses overlap.
        var state = load_quad(row * QUADS + quad);
        let gradient = sum_of(run, quad);
        if missed.count > 0u {
            state = catch_up(missed, state);
        }
        store_quad(row * QUADS + quad, update_quad(state, gradient));
    }
    last_step[row * THREADS + part] = step.number;
}
