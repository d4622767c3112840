// The sign of Lion's moves, and the least size of its m.

const SIGN_BIT: u32 = 0x80000000u;
const INFINITE: u32 = 0x7f800000u;
// The bits of 1, and of 2^-125.
const ONE: u32 = 0x3f800000u;
const LEAST: u32 = 0x01000000u;

// -1, 0 or 1; a NaN stays one. On the bits, for drivers give sign(NaN) as 1, and compilers take floats to be finite.
fn sign_of(values: vec4<f32>) -> vec4<f32> {
    let bits = bitcast<vec4<u32>>(values);
    let size = bits & vec4<u32>(~SIGN_BIT);
    let of_number = select((bits & vec4<u32>(SIGN_BIT)) | vec4<u32>(ONE), vec4<u32>(), size == vec4<u32>());
    return bitcast<vec4<f32>>(select(of_number, bits, size > vec4<u32>(INFINITE)));
}

// Which elements are not zero; a NaN is none.
fn is_nonzero(values: vec4<f32>) -> vec4<bool> {
    return (bitcast<vec4<u32>>(values) & vec4<u32>(~SIGN_BIT)) != vec4<u32>();
}

// m after steps without a gradient, which left `m` of `old`: it keeps its sign, and at least 2^-125 of its size. In f32 it
// would vanish after some thousands of steps, and the row would stop.
fn kept_moment(old: vec4<f32>, m: vec4<f32>) -> vec4<f32> {
    let bits = bitcast<vec4<u32>>(old);
    var size = bitcast<vec4<u32>>(m) & vec4<u32>(~SIGN_BIT);
    size = select(size, vec4<u32>(LEAST), size < vec4<u32>(LEAST));
    let left = select(bits, (bits & vec4<u32>(SIGN_BIT)) | size, is_nonzero(old));
    // What is infinite stays so, also where a power of beta_2 is zero in f32.
    let is_infinite = (bits & vec4<u32>(~SIGN_BIT)) == vec4<u32>(INFINITE);
    return bitcast<vec4<f32>>(select(left, bits, is_infinite));
}
