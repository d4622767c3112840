// Brings rows of a shard up to a step, as if each step had updated them: those in places first_place .. first_place +
// place_count, counted from the shard's first. THREADS threads a row; rows that are as far, or further, are not
// touched.
//
// All of the table is here, so a row's number follows from its place.
//
// Parts: arithmetic, grid, row, shard, a storage, table_write, quad, store_quad, row_state, step, history, segments,
// behind_rows, a rule's catch-up.

struct FlushedRows {
    first_place: u32,
    place_count: u32,
    // A cut, or NOW: the last step that the GPU has made; or BEFORE, in the pass of a step: the one before it.
    until: u32,
}

// No cut has these numbers: cuts are even.
const NOW: u32 = 0xffffffffu;
const BEFORE: u32 = 0xfffffffdu;

fn target_step() -> u32 {
    if rows.until == NOW {
        return step.number;
    }
    return select(rows.until, step.number - 1u, rows.until == BEFORE);
}

@group(1) @binding(0) var<uniform> rows: FlushedRows;

@compute @workgroup_size(WORKGROUP_SIZE)
fn flush(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let lane = lane(workgroup, grid, local);
    let live = lane.exists && lane.work < rows.place_count;
    let place = rows.first_place + lane.work;
    let until = target_step();
    let row = shard.first_place + place;
    let missed = missed_by(lane, row, load_kept(lane, place, live, until), until);
    if !live || missed.count == 0u {
        return;
    }
    let one_rule_does = one_rule_does(lane, place, missed);
    for (var quad = lane.part; one_rule_does && quad < QUADS; quad += THREADS) {
        store_quad(row, place, quad, until, caught_up_at_once(missed, quad, load_quad(place, quad)));
    }
    for (var quad = lane.part; !one_rule_does && quad < QUADS; quad += THREADS) {
        store_quad(row, place, quad, until, caught_up(missed, quad, load_quad(place, quad)));
    }
    store_row_number(lane, place, caught_up_number(missed));
    mark_current(lane, place, until);
}
