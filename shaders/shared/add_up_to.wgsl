// sum + x + y + z + w, first to last, of which the first `count` are added, at least one.
//
// Parts: arithmetic.

fn add_up_to(sum: vec4<f32>, x: vec4<f32>, y: vec4<f32>, z: vec4<f32>, w: vec4<f32>, count: u32) -> vec4<f32> {
    let one = add(sum, x);
    let two = select(one, add(one, y), count > 1u);
    let three = select(two, add(two, z), count > 2u);
    return select(three, add(three, w), count > 3u);
}
