// Weights in bfloat16, the upper half of an f32: two in a word, the first in its lower half.
//
// In integer arithmetic, as f16.wgsl, for no 16-bit type and no conversion is on every adapter.

alias StoredQuad = vec2<u32>;

fn unpacked(stored: StoredQuad) -> vec4<f32> {
    let upper = stored & vec2<u32>(0xffff0000u);
    let lower = stored << vec2<u32>(16u);
    return bitcast<vec4<f32>>(vec4<u32>(lower.x, upper.x, lower.y, upper.y));
}
