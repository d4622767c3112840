// squares[chunk] = the sum of the squares of the summed gradient's elements, of CHUNK runs
//
// The first half of the gradient's norm; gradient_scale adds the chunks up. Rows outside the batch have none. A run's
// squares are added in the tree of row_square.wgsl, the runs' of a chunk by rising row, so that the norm's bits depend
// on the gradient alone. THREADS threads a run; a workgroup has as many chunks as it has threads for all at once, at
// least one.
//
// Parts: arithmetic, grid, row, sentinels, plan_layout, plan, gradient_*, sum_lookups, partial_slots, sum_partials, any_run, row_square.

@group(0) @binding(0) var<storage, read_write> squares: array<f32>;

var<workgroup> squares_of_runs: array<f32, WORKGROUP_SIZE>;

alias Summed = Run;

fn square_of_quad(run: Run, quad: u32) -> f32 {
    return sum_of_squares(sum_of(run, quad));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn gradient_norm(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let lane = lane(workgroup, grid, local);
    let at_once = WORKGROUP_SIZE / THREADS;
    let chunks = select(at_once / CHUNK, 1u, at_once < CHUNK);
    let first_chunk = (workgroup.y * grid.x + workgroup.x) * chunks;
    for (var first = 0u; first < chunks * CHUNK; first += at_once) {
        let entry = first + lane.slot;
        let number = first_chunk * CHUNK + entry;
        let live = lane.exists && entry < chunks * CHUNK && number < run_count();
        var run = no_run();
        if live {
            run = run_number(number);
        }
        let square = square_of_row(lane, run, live);
        if live && lane.part == 0u {
            squares_of_runs[entry] = square;
        }
        workgroupBarrier();
    }
    let chunk = first_chunk + local;
    // A folded grid may overhang.
    if local < chunks && chunk < arrayLength(&squares) {
        var sum = 0.0;
        let end = min(CHUNK, run_count() - min(run_count(), chunk * CHUNK));
        for (var entry = 0u; entry < end; entry++) {
            sum = add_numbers(sum, squares_of_runs[local * CHUNK + entry]);
        }
        squares[chunk] = sum;
    }
}
