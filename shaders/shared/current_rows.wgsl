// Rows that are current at each step: without a history there is nothing to catch up.
// behind_rows.wgsl is the same with one.
//
// Parts: row, quad, row_state.

struct Missed {
    count: u32,
    // Of the row's first thread alone.
    row_number: f32,
}

struct Kept {
    row_number: f32,
}

fn load_kept(lane: Lane, place: u32, live: bool, until: u32) -> Kept {
    if live && lane.part == 0u {
        return Kept(load_row_number(place));
    }
    return Kept(0.0);
}

fn missed_by(lane: Lane, row: u32, kept: Kept, until: u32) -> Missed {
    return Missed(0u, kept.row_number);
}

fn caught_up_number(missed: Missed) -> f32 {
    return missed.row_number;
}

fn one_rule_does(lane: Lane, place: u32, missed: Missed) -> bool {
    return true;
}

fn caught_up_at_once(missed: Missed, quad: u32, old: Quad) -> Quad {
    return old;
}

fn caught_up(missed: Missed, quad: u32, old: Quad) -> Quad {
    return old;
}

fn mark_current(lane: Lane, place: u32, now: u32) {}
