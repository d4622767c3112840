// The caller's gradient [lookups, DIM] where DIM is a multiple of 4, so that it is an array of quads.
// gradient_scalar.wgsl is the same for the other widths; a kernel is built with one of the two.

@group(2) @binding(0) var<storage, read> gradient: array<vec4<f32>>;

fn load_gradient(lookup: u32, quad: u32) -> vec4<f32> {
    return gradient[lookup * QUADS + quad];
}
