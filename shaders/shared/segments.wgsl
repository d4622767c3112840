// A quad after all the steps that its row has missed, segment by segment: from one multiple of CUT to the next. Rows that
// were brought to a cut in between, by the sweep, so have the same bits. Nearly all rows have one segment.
//
// Parts: arithmetic, row, quad, row_state, history, a rule's catch-up, a storage's way back.

fn end_of(missed: Missed) -> u32 {
    return missed.since + missed.count;
}

// Whether one rule gives all that this thread's quads of a row have missed: their steps are of one segment, whose rule
// covers them. Kernels have a loop for each of the two answers, for adapters that run both sides of a branch would otherwise
// pay at every quad for the segments and the terms that few need.
fn one_rule_does(lane: Lane, place: u32, missed: Missed) -> bool {
    var does = missed.count == 0u || end_of(missed) == missed.until;
    for (var quad = lane.part; TERMS && does && quad < QUADS; quad += THREADS) {
        does = missed.count == 0u || is_covered(missed, load_quad(place, quad));
    }
    return does;
}

// By that rule. `quad` is the quad's number in the row.
fn caught_up_at_once(missed: Missed, quad: u32, old: Quad) -> Quad {
    if missed.count == 0u {
        return old;
    }
    return ended(missed, quad, catch_up(missed, old));
}

// By all segments, from the first, which `missed` is, and term by term where a rule does not give the sums.
fn caught_up(missed: Missed, quad: u32, old: Quad) -> Quad {
    var segment = missed;
    var value = ended(segment, quad, caught_up_in(segment, old));
    while end_of(segment) != segment.until {
        segment = next_segment(segment);
        value = ended(segment, quad, caught_up_in(segment, value));
    }
    return value;
}

fn caught_up_in(segment: Missed, old: Quad) -> Quad {
    if is_covered(segment, old) {
        return catch_up(segment, old);
    }
    return catch_up_by_terms(segment, old);
}

fn next_segment(missed: Missed) -> Missed {
    return missed_between(missed.row, end_of(missed), missed.until, pinned_number(row_number_after(missed)));
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

// A quad at the end of a segment. The sweep may have stored it there: so it is pinned, for no compiler may fuse across, and at
// a cut its weights are rounded as a store at that step rounds them. Elsewhere they are not.
fn ended(segment: Missed, quad: u32, value: Quad) -> Quad {
    var w = value.w;
    if ROUNDS && end_of(segment) % CUT == 0u {
        w = unpacked(packed(pinned(w), segment.row, quad, end_of(segment)));
    }
    return Quad(pinned(w), pinned(value.first), pinned(value.second), pinned(value.third));
}
