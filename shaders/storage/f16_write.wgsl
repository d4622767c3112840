// The way back of f16.wgsl: rounded once, to nearest, ties to even, or stochastically (rounding.wgsl). A NaN stays one; what
// is too large becomes infinite.
//
// Parts: f16, rounding.

fn packed(value: vec4<f32>, row: u32, quad: u32, step: u32) -> StoredQuad {
    let bits = bitcast<vec4<u32>>(value);
    let size = bits & vec4<u32>(0x7fffffffu);
    let exponent = size >> vec4<u32>(23u);
    // From 2^-14 on 13 bits are lost, of f32's bits with another bias. Below, those beyond 2^-24ths.
    let is_normal = size >= vec4<u32>(0x38800000u);
    let mantissa = (size & vec4<u32>(0x7fffffu)) | select(vec4<u32>(), vec4<u32>(0x800000u), exponent > vec4<u32>());
    let lost = select(vec4<u32>(126u) - min(exponent, vec4<u32>(112u)), vec4<u32>(13u), is_normal);
    // Of more than 31 bits the lowest count for nothing.
    let shift = min(lost, vec4<u32>(31u));
    let number = select(mantissa >> min(lost - shift, vec4<u32>(31u)), size - vec4<u32>(0x38000000u), is_normal);
    // Less than a unit in the last place: what is added decides whether it is carried.
    var added = (vec4<u32>(1u) << (shift - vec4<u32>(1u))) - vec4<u32>(1u) + ((number >> shift) & vec4<u32>(1u));
    if STOCHASTIC {
        added = random(row, quad, step) >> (vec4<u32>(32u) - shift);
    }
    let finite = min((number + added) >> shift, vec4<u32>(0x7c00u));
    let nan = vec4<u32>(0x7e00u) | ((size >> vec4<u32>(13u)) & vec4<u32>(0x3ffu));
    let rounded = select(finite, vec4<u32>(0x7c00u), size >= vec4<u32>(0x7f800000u));
    let halves = select(rounded, nan, size > vec4<u32>(0x7f800000u)) | ((bits >> vec4<u32>(16u)) & vec4<u32>(0x8000u));
    return halves.xz | (halves.yw << vec2<u32>(16u));
}
