// A quad after all the steps that its row has missed, segment by segment: from one multiple of CUT to the next. Rows that
// were brought to a cut in between, by the sweep, so have the same bits. Nearly all rows have one segment.
//
// Parts: arithmetic, quad, row_state, history, a rule's catch-up.

struct CaughtUp {
    quad: Quad,
    // Whether the rules gave the sums; otherwise they are to be done term by term.
    covered: bool,
}

// The last step before the one that is being computed.
fn step_before() -> u32 {
    return history[0].x;
}

fn end_of(missed: Missed) -> u32 {
    return missed.since + missed.count;
}

// `missed` is the first segment.
fn caught_up(missed: Missed, old: Quad) -> CaughtUp {
    var segment = missed;
    var result = CaughtUp(catch_up(segment, old), is_covered(segment, old));
    while end_of(segment) != segment.until {
        segment = next_segment(segment);
        let quad = pinned_quad(result.quad);
        result = CaughtUp(catch_up(segment, quad), result.covered && is_covered(segment, quad));
    }
    // Pinned also in the end, for the sweep may have stored it there.
    result.quad = pinned_quad(result.quad);
    return result;
}

// The same, where the rules do not cover all segments.
fn caught_up_by_terms(missed: Missed, old: Quad) -> Quad {
    var segment = missed;
    var quad = caught_up_either_way(segment, old);
    while end_of(segment) != segment.until {
        segment = next_segment(segment);
        quad = caught_up_either_way(segment, pinned_quad(quad));
    }
    return pinned_quad(quad);
}

fn caught_up_either_way(segment: Missed, old: Quad) -> Quad {
    if is_covered(segment, old) {
        return catch_up(segment, old);
    }
    return catch_up_by_terms(segment, old);
}

fn next_segment(missed: Missed) -> Missed {
    return missed_between(end_of(missed), missed.until, pinned_number(row_number_after(missed)));
}

// What the optimizer keeps of the row as a whole, after all the steps that it has missed. Pinned also in the end, for the
// sweep may have stored it there.
fn caught_up_number(missed: Missed) -> f32 {
    if ROW_NUMBERS == 0u || missed.count == 0u {
        return missed.row_number;
    }
    var segment = missed;
    while end_of(segment) != segment.until {
        segment = next_segment(segment);
    }
    return pinned_number(row_number_after(segment));
}

// So that no compiler fuses across a cut, where the sweep may have stored the row.
fn pinned_quad(quad: Quad) -> Quad {
    return Quad(pinned(quad.w), pinned(quad.first), pinned(quad.second), pinned(quad.third));
}
