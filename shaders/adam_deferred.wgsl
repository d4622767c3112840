// Deferred Adam on the batch's rows of one shard: first the steps that a row has missed, then this one. Every other row
// is left as it is, to be caught up when it is next read or updated; so the result is dense Adam's.
//
// One build takes the short runs and one the long (shaders/shared/short_runs.wgsl, long_runs.wgsl). THREADS threads a
// run, each with a step number of its own for its part of the row, so that none waits for another; bytes moved: each
// gradient once, and each of w, m, v (v_hat) read and written once.
//
// Parts: grid, row, shard, plan_layout, plan, those of the runs, adam, missed_steps, catch_up.

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
    // A bit for each of this thread's quads that the rule does not cover.
    var left = 0u;
    var bit = 1u;
    for (var quad = part; quad < QUADS; quad += THREADS) {
        // All loads before the first store, so that their cache misses overlap.
        let old = load_quad(row * QUADS + quad);
        let gradient = sum_of(run, quad);
        var current = old;
        var is_current = true;
        if missed.count > 0u {
            current = catch_up(missed, old, sum_by_rule(missed, old.s));
            is_current = rule_covers(missed, old.m, old.s);
        }
        if is_current {
            store_quad(row * QUADS + quad, update_quad(current, gradient));
        } else {
            left |= bit;
        }
        bit <<= 1u;
    }
    bit = 1u;
    for (var quad = part; quad < QUADS && TERMS && left != 0u; quad += THREADS) {
        if (left & bit) != 0u {
            let old = load_quad(row * QUADS + quad);
            let current = catch_up(missed, old, sum_by_terms(missed, old.s));
            store_quad(row * QUADS + quad, update_quad(current, sum_of(run, quad)));
            left ^= bit;
        }
        bit <<= 1u;
    }
    last_step[row * THREADS + part] = step.number;
}
