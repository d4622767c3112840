// Floating-point operations, as the adapter has them: + - * within 1 ulp, division within 2.5, and any of them fused.
//
// All of it that rules, catch-up and sums do goes through this file, so that another one can take its place.

fn add(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    return a + b;
}

fn subtract(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    return a - b;
}

fn multiply(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    return a * b;
}

fn divide(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    return a / b;
}

fn square_root(a: vec4<f32>) -> vec4<f32> {
    return sqrt(a);
}

// The sum of the squares of four elements, in an order of its own: that inside dot() is the driver's.
fn sum_of_squares(a: vec4<f32>) -> f32 {
    return (a.x * a.x + a.y * a.y) + (a.z * a.z + a.w * a.w);
}

fn add_numbers(a: f32, b: f32) -> f32 {
    return a + b;
}

fn subtract_numbers(a: f32, b: f32) -> f32 {
    return a - b;
}

fn multiply_numbers(a: f32, b: f32) -> f32 {
    return a * b;
}

fn divide_numbers(a: f32, b: f32) -> f32 {
    return a / b;
}

fn square_root_of_number(a: f32) -> f32 {
    return sqrt(a);
}

// A value that no compiler reorders or fuses across: the operation is on the bits, and changes a single NaN alone.
fn pinned_number(value: f32) -> f32 {
    return bitcast<f32>(min(bitcast<u32>(value), 0xfffffffeu));
}

fn pinned(value: vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>(min(bitcast<vec4<u32>>(value), vec4<u32>(0xfffffffeu)));
}
