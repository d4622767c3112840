// Rows that are current at each step: without a history there is nothing to catch up.
// behind_rows.wgsl is the same with one.
//
// Parts: row, quad.

struct Missed {
    count: u32,
}

fn missed_by(lane: Lane, row: u32, live: bool) -> Missed {
    return Missed(0u);
}

fn is_covered(missed: Missed, old: Quad) -> bool {
    return true;
}

fn catch_up(missed: Missed, old: Quad) -> Quad {
    return old;
}

fn catch_up_by_terms(missed: Missed, old: Quad) -> Quad {
    return old;
}

fn mark_current(lane: Lane, row: u32, now: u32) {}

const TERMS: bool = false;
