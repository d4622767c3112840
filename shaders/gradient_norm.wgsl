// squares[workgroup] = the sum of the squares of the summed gradient's elements, of 256 / THREADS runs or so
//
// The first half of the gradient's norm; gradient_scale adds the squares up. Rows outside the batch have none. THREADS
// threads a run, each workgroup's sums added in a fixed tree.
//
// Parts: arithmetic, grid, row, plan_layout, plan, gradient_*, sum_lookups, partial_slots, sum_partials, any_run, sum_of_workgroup.

@group(0) @binding(0) var<storage, read_write> squares: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn gradient_norm(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let lane = lane(workgroup, grid, local);
    var square = 0.0;
    if lane.exists && lane.work < run_count() {
        let run = run_number(lane.work);
        for (var quad = lane.part; quad < QUADS; quad += THREADS) {
            square = add_numbers(square, sum_of_squares(sum_of(run, quad)));
        }
    }
    let total = sum_of_workgroup(local, square);
    let number = workgroup.y * grid.x + workgroup.x;
    // A folded grid may overhang.
    if local == 0u && number < arrayLength(&squares) {
        squares[number] = total;
    }
}
