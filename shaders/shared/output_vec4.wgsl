// The caller's output [rows, DIM] where DIM is a multiple of 4, so that it is an array of quads.
// output_scalar.wgsl is the same for the other widths; a kernel is built with one of the two.

@group(2) @binding(1) var<storage, read_write> output: array<vec4<f32>>;

fn store_output(row: u32, quad: u32, value: vec4<f32>) {
    output[row * QUADS + quad] = value;
}
