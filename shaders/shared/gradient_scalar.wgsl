// The caller's gradient [lookups, DIM] where DIM is not a multiple of 4: a row's last quad is filled up with zeros.
// gradient_vec4.wgsl is the same for multiples of 4; a kernel is built with one of the two.

@group(2) @binding(0) var<storage, read> gradient: array<f32>;

fn load_gradient(lookup: u32, quad: u32) -> vec4<f32> {
    let column = quad * 4u;
    let start = lookup * DIM + column;
    var value = vec4<f32>(gradient[start], 0.0, 0.0, 0.0);
    if column + 1u < DIM {
        value.y = gradient[start + 1u];
    }
    if column + 2u < DIM {
        value.z = gradient[start + 2u];
    }
    if column + 3u < DIM {
        value.w = gradient[start + 3u];
    }
    return value;
}
