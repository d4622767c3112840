// Hands the caller the summed gradient of each run, either compact or as a dense table (the host clears that first):
//
//   compact   output[run, :]                    = the sum of the gradients of the run's lookups
//   dense     output[place of run - first_place, :] = the same
//
// One dispatch over all runs, or for the dense table over those of one shard; THREADS threads a run. Runs of more than
// a chunk are summed from their partial sums.
//
// Parts: arithmetic, grid, row, shard, sentinels, plan_layout, plan, gradient_*, sum_lookups, partial_slots, sum_partials,
// any_run, output_*.

override DENSE: bool;

@compute @workgroup_size(WORKGROUP_SIZE)
fn scatter_add(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let lane = lane(workgroup, grid, local);
    var number = lane.work;
    var end = run_count();
    if DENSE {
        number += plan[batch.shards + shard.number];
        end = plan[batch.shards + shard.number + 1u];
    }
    if !lane.exists || number >= end {
        return;
    }
    let run = run_number(number);
    var target_row = number;
    if DENSE {
        target_row = run.place - shard.first_place;
    }
    for (var quad = lane.part; quad < QUADS; quad += THREADS) {
        store_output(target_row, quad, sum_of(run, quad));
    }
}
