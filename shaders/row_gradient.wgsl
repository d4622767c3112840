// Hands the summed gradient to the caller, either compact or as a dense table (the host clears that first):
//
//   compact   output[run, :]                    = sums[run, :]
//   dense     output[rows[run] - first_row, :]  = sums[run, :]
//
// One dispatch over the runs of one shard; THREADS threads a run.
//
// Parts: grid, row, runs, output_*.

override DENSE: bool;

@group(0) @binding(1) var<uniform> runs: Runs;
@group(0) @binding(2) var<storage, read> rows: array<u32>;
@group(0) @binding(3) var<storage, read> sums: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn row_gradient(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let thread = thread_number(workgroup, grid, local);
    if thread / THREADS >= runs.run_count {
        return;
    }
    let run = runs.first_run + thread / THREADS;
    var target_row = run;
    if DENSE {
        target_row = rows[run] - runs.first_row;
    }
    for (var quad = thread % THREADS; quad < QUADS; quad += THREADS) {
        store_output(target_row, quad, sums[run * QUADS + quad]);
    }
}
