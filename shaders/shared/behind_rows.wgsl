// Rows that may be behind: the step up to which each is current, and the number that an optimizer keeps of it.
//
// The first of a row's threads alone reads and writes them, and hands them on to the others through workgroup memory; so all
// threads of the workgroup must call missed_by, those without a row with `live` false.
//
// Parts: grid, row, table_write, row_state, history.

var<workgroup> last_steps: array<u32, WORKGROUP_SIZE>;
var<workgroup> row_numbers: array<f32, WORKGROUP_SIZE>;

// Up to step `until`; `row` is its number in the table.
fn missed_by(lane: Lane, row: u32, place: u32, live: bool, until: u32) -> Missed {
    var last_step = until;
    var row_number = 0.0;
    if live && lane.part == 0u {
        last_step = row_state[place * ROW_WORDS];
        row_number = load_row_number(place);
    }
    if THREADS > 1u {
        if lane.part == 0u {
            last_steps[lane.slot] = last_step;
            if ROW_NUMBERS > 0u {
                row_numbers[lane.slot] = row_number;
            }
        }
        workgroupBarrier();
        last_step = last_steps[lane.slot];
        if ROW_NUMBERS > 0u {
            row_number = row_numbers[lane.slot];
        }
    }
    return missed_between(row, last_step, until, row_number);
}

fn mark_current(lane: Lane, place: u32, now: u32) {
    if lane.part == 0u {
        row_state[place * ROW_WORDS] = now;
    }
}
