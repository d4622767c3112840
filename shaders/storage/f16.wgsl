// Weights in IEEE half precision: two in a word, the first in its lower half. See bf16.wgsl.

alias StoredQuad = vec2<u32>;

fn unpacked(stored: StoredQuad) -> vec4<f32> {
    let halves = vec4<u32>(stored.x & 0xffffu, stored.x >> 16u, stored.y & 0xffffu, stored.y >> 16u);
    let size = halves & vec4<u32>(0x7fffu);
    // The exponent's bias is 15 there and 127 here. Of infinity and NaN all its bits are set.
    let bias = select(vec4<u32>(0x38000000u), vec4<u32>(0x70000000u), size >= vec4<u32>(0x7c00u));
    let normal = (size << vec4<u32>(13u)) + bias;
    // Below 2^-14 it counts 2^-24ths, which is exact.
    let small = bitcast<vec4<u32>>(vec4<f32>(size) * 5.9604644775390625e-8);
    let sign = (halves & vec4<u32>(0x8000u)) << vec4<u32>(16u);
    return bitcast<vec4<f32>>(sign | select(normal, small, size < vec4<u32>(0x400u)));
}
