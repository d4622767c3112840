// The way back of bf16.wgsl: rounded once, to nearest, ties to even, or stochastically (rounding.wgsl). A NaN stays one.
//
// Parts: bf16, rounding.

fn packed(value: vec4<f32>, row: u32, quad: u32, step: u32) -> StoredQuad {
    let bits = bitcast<vec4<u32>>(value);
    let kept = bits >> vec4<u32>(16u);
    // Less than a unit in the last place: what is added decides whether it is carried.
    var added = vec4<u32>(0x7fffu) + (kept & vec4<u32>(1u));
    if STOCHASTIC {
        added = random(row, quad, step) >> vec4<u32>(16u);
    }
    let rounded = (bits + added) >> vec4<u32>(16u);
    let is_nan = (bits & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
    let halves = select(rounded, kept | vec4<u32>(0x40u), is_nan);
    return halves.xz | (halves.yw << vec2<u32>(16u));
}
