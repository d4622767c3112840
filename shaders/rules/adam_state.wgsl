// Which of Adam's arrays is divided by.
//
// Parts: quad.

override AMSGRAD: bool;

// v, or v_hat with amsgrad.
fn s_squared_of(old: Quad) -> vec4<f32> {
    if AMSGRAD {
        return old.third;
    }
    return old.second;
}
