// Rows that may be behind: the step up to which each is current, and the number that an optimizer keeps of it.
//
// The first of a row's threads alone reads and writes them, and hands them on to the others through workgroup memory; so all
// threads of the workgroup must call missed_by, those without a row with `live` false.
//
// Parts: grid, row, table_write, row_state, history.

var<workgroup> last_steps: array<u32, WORKGROUP_SIZE>;
var<workgroup> row_numbers: array<f32, WORKGROUP_SIZE>;

// What is kept of a row as a whole; of a row's first thread alone.
struct Kept {
    last_step: u32,
    row_number: f32,
}

// A step of its own, so that other loads may be on their way with it.
fn load_kept(lane: Lane, place: u32, live: bool, until: u32) -> Kept {
    if live && lane.part == 0u {
        return Kept(row_state[place * ROW_WORDS], load_row_number(place));
    }
    return Kept(until, 0.0);
}

// What a row has missed up to step `until`; `row` is its number in the table.
fn missed_by(lane: Lane, row: u32, kept: Kept, until: u32) -> Missed {
    var last_step = kept.last_step;
    var row_number = kept.row_number;
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
