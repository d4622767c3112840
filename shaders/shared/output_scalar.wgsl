// The caller's output [rows, DIM] where DIM is not a multiple of 4: a row's last quad is cut.
// output_vec4.wgsl is the same for multiples of 4; a kernel is built with one of the two.

@group(2) @binding(1) var<storage, read_write> output: array<f32>;

fn store_output(row: u32, quad: u32, value: vec4<f32>) {
    let column = quad * 4u;
    let start = row * DIM + column;
    output[start] = value.x;
    if column + 1u < DIM {
        output[start + 1u] = value.y;
    }
    if column + 2u < DIM {
        output[start + 2u] = value.z;
    }
    if column + 3u < DIM {
        output[start + 3u] = value.w;
    }
}
