// Rows that may be behind: the step up to which each is current.
//
// The first of a row's threads alone reads and writes it, and hands it on to the others through workgroup memory; so all
// threads of the workgroup must call missed_by, those without a row with `live` false.
//
// Parts: grid, row, table_write, row_state, history.

var<workgroup> last_steps: array<u32, WORKGROUP_SIZE>;

// Up to step `until`.
fn missed_by(lane: Lane, row: u32, live: bool, until: u32) -> Missed {
    var last_step = until;
    if live && lane.part == 0u {
        last_step = row_state[row * ROW_WORDS];
    }
    if THREADS > 1u {
        if lane.part == 0u {
            last_steps[lane.slot] = last_step;
        }
        workgroupBarrier();
        last_step = last_steps[lane.slot];
    }
    return missed_between(last_step, until, 0.0);
}

fn mark_current(lane: Lane, row: u32, now: u32) {
    if lane.part == 0u {
        row_state[row * ROW_WORDS] = now;
    }
}
