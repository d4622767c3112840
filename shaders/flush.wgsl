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

// As in update_rows.wgsl.
const QUADS_AT_ONCE: u32 = 32u;

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
    for (var start = lane.part; start < QUADS; start += QUADS_AT_ONCE * THREADS) {
        let end = min(start + QUADS_AT_ONCE * THREADS, QUADS);
        var left = 0u;
        var bit = 1u;
        for (var quad = start; quad < end; quad += THREADS) {
            let old = load_quad(row, quad);
            let current = caught_up(missed, old);
            if current.covered {
                store_quad(row, quad, current.quad);
            } else {
                left |= bit;
            }
            bit <<= 1u;
        }
        bit = 1u;
        for (var quad = start; quad < end && TERMS && left != 0u; quad += THREADS) {
            if (left & bit) != 0u {
                store_quad(row, quad, caught_up_by_terms(missed, load_quad(row, quad)));
                left ^= bit;
            }
            bit <<= 1u;
        }
    }
    store_row_number(lane, row, caught_up_number(missed));
    mark_current(lane, row, until);
}
