// A quad after the steps that its row has missed.
//
// Parts: adam, missed_steps.

fn catch_up(missed: Missed, old: Quad) -> Quad {
    let v = old.v * missed.powers.y;
    var s = v;
    if AMSGRAD {
        s = old.s;
    }
    return Quad(current_weights(missed, old.w, old.m, old.s), old.m * missed.powers.x, v, s);
}
