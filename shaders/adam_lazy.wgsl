// Adam on the batch's rows of one shard; every other row keeps its weights and moments.
//
// THREADS threads a run; bytes moved: the sums once, and each of w, m, v (v_hat) read and written once.
//
// Parts: grid, row, runs, adam.

@group(0) @binding(5) var<uniform> runs: Runs;
@group(0) @binding(6) var<storage, read> rows: array<u32>;
@group(0) @binding(7) var<storage, read> sums: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn adam_lazy(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let thread = thread_number(workgroup, grid, local);
    if thread / THREADS >= runs.run_count {
        return;
    }
    let run = runs.first_run + thread / THREADS;
    let row = rows[run] - runs.first_row;
    for (var quad = thread % THREADS; quad < QUADS; quad += THREADS) {
        update_quad(row * QUADS + quad, sums[run * QUADS + quad]);
    }
}
