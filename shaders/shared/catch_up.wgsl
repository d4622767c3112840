// A quad after the steps that its row has missed, with the sum by the rule or by its terms.
//
// Parts: adam, missed_steps.

fn catch_up(missed: Missed, old: Quad, sum: vec4<f32>) -> Quad {
    let v = old.v * missed.powers.y;
    var s = v;
    if AMSGRAD {
        s = old.s;
    }
    return Quad(moved(missed, old.w, old.m, sum), old.m * missed.powers.x, v, s);
}
