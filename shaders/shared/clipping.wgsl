// How a summed gradient is clipped, and scaled before.
//
// Parts: arithmetic, step.

override CLIPPED: bool;

// The bits of infinity, and of the sign.
const INFINITY: u32 = 0x7f800000u;
const SIGN: u32 = 0x80000000u;

// The largest size of an element is `limit`. On the bits, whose order is that of sizes, with NaN above them all: by
// comparison of floats NVIDIA's compiler makes a min() of it, which loses a NaN.
fn limited(g: vec4<f32>, limit: f32) -> vec4<f32> {
    let bits = bitcast<vec4<u32>>(g);
    let size = bits & vec4<u32>(~SIGN);
    let is_larger = (size > vec4<u32>(bitcast<u32>(limit))) & (size <= vec4<u32>(INFINITY));
    return bitcast<vec4<f32>>(select(bits, (bits & vec4<u32>(SIGN)) | vec4<u32>(bitcast<u32>(limit)), is_larger));
}

fn clipped(gradient: vec4<f32>) -> vec4<f32> {
    var g = gradient;
    if CLIPPED {
        g = limited(multiply(g, vec4<f32>(step.gradient_scale)), step.gradient_limit);
    }
    return g;
}
