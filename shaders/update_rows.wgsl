// The optimizer's step on the batch's rows of one shard, summed and updated in one; every other row is left as it is,
// to be caught up, where the update is deferred, when it is next read or updated.
//
// One composition takes the short runs and one the long (shaders/shared/short_runs.wgsl, long_runs.wgsl). THREADS
// threads a run; bytes moved: each gradient once, and each of the weights and the state read and written once.
//
// Parts: arithmetic, grid, row, shard, sentinels, plan_layout, plan, those of the runs, a storage, table_write, quad,
// store_quad, row_state, step, clipping, row_term or no_row_term, a rule; current_rows, or behind_rows with history,
// segments and the rule's catch-up.

alias Summed = Run;

fn gradient_of(run: Run, quad: u32) -> vec4<f32> {
    return clipped(sum_of(run, quad));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn update_rows(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let lane = lane(workgroup, grid, local);
    var run = no_run();
    if lane.exists {
        run = find_run(lane.work);
    }
    let live = run.end != 0u;
    let place = run.place - shard.first_place;
    let kept = load_kept(lane, place, live, step.number - 1u);
    // Of a thread's only quad all loads are issued before any is waited for, also over the barriers.
    var old: Quad;
    var gradient: vec4<f32>;
    if THREADS == QUADS && live {
        old = load_quad(place, lane.part);
        gradient = gradient_of(run, lane.part);
    }
    let missed = missed_by(lane, run.row, kept, step.number - 1u);
    let row_number = updated_row_number(lane, caught_up_number(missed), run, live);
    if !live {
        return;
    }
    let one_rule_does = one_rule_does(lane, place, missed);
    if THREADS == QUADS {
        var current = old;
        if one_rule_does {
            current = caught_up_at_once(missed, lane.part, old);
        } else {
            current = caught_up(missed, lane.part, old);
        }
        store_quad(run.row, place, lane.part, step.number, apply(current, gradient, row_number));
        store_row_number(lane, place, row_number);
        mark_current(lane, place, step.number);
        return;
    }
    for (var quad = lane.part; one_rule_does && quad < QUADS; quad += THREADS) {
        // All loads before the store, so that their cache misses overlap.
        let old = load_quad(place, quad);
        let gradient = gradient_of(run, quad);
        let current = caught_up_at_once(missed, quad, old);
        store_quad(run.row, place, quad, step.number, apply(current, gradient, row_number));
    }
    for (var quad = lane.part; !one_rule_does && quad < QUADS; quad += THREADS) {
        let current = caught_up(missed, quad, load_quad(place, quad));
        store_quad(run.row, place, quad, step.number, apply(current, gradient_of(run, quad), row_number));
    }
    store_row_number(lane, place, row_number);
    mark_current(lane, place, step.number);
}
