// Brings rows of a shard up to a step, as if each step had updated them: first_row .. first_row + row_count of the shard's
// own rows. THREADS threads a row; rows that are as far, or further, are not touched.
//
// Parts: arithmetic, grid, row, shard, table_write, quad, store_quad, row_state, history, segments, behind_rows, a rule's catch-up.

struct Rows {
    first_row: u32,
    row_count: u32,
    // A cut, or NOW: the last step that the GPU has made.
    until: u32,
}

// No cut has this number.
const NOW: u32 = 0xffffffffu;

@group(1) @binding(0) var<uniform> rows: Rows;

@compute @workgroup_size(WORKGROUP_SIZE)
fn flush(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let lane = lane(workgroup, grid, local);
    let live = lane.exists && lane.work < rows.row_count;
    let row = rows.first_row + lane.work;
    let until = select(rows.until, step_before(), rows.until == NOW);
    let missed = missed_by(lane, row, live, until);
    if !live || missed.count == 0u {
        return;
    }
    let one_rule_does = one_rule_does(lane, row, missed);
    for (var quad = lane.part; one_rule_does && quad < QUADS; quad += THREADS) {
        store_quad(row, quad, caught_up_at_once(missed, load_quad(row, quad)));
    }
    for (var quad = lane.part; !one_rule_does && quad < QUADS; quad += THREADS) {
        store_quad(row, quad, caught_up(missed, load_quad(row, quad)));
    }
    store_row_number(lane, row, caught_up_number(missed));
    mark_current(lane, row, until);
}
