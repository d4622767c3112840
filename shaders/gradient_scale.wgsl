// result[place] = the Euclidean norm of a summed gradient, from its squares (gradient_norm), or, with a limit, what the
// gradient is to be multiplied by so that its norm does not exceed it:
//
//   limit / (norm + epsilon) where that is less than 1, else 1
//
// Keras has no epsilon here, PyTorch has 1e-6. A norm that is not a number scales nothing. One workgroup.
//
// Parts: grid, sum_of_workgroup.

struct Limit {
    square_count: u32,
    place: u32,
    // 0 asks for the norm itself.
    limit: f32,
    epsilon: f32,
}

@group(0) @binding(0) var<uniform> limit: Limit;
@group(0) @binding(1) var<storage, read> squares: array<f32>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn gradient_scale(@builtin(local_invocation_index) local: u32) {
    var square = 0.0;
    for (var number = local; number < limit.square_count; number += WORKGROUP_SIZE) {
        square += squares[number];
    }
    let norm = sqrt(sum_of_workgroup(local, square));
    if local == 0u {
        var value = norm;
        if limit.limit > 0.0 {
            let divisor = norm + limit.epsilon;
            value = select(1.0, limit.limit / divisor, divisor > limit.limit);
        }
        result[limit.place] = value;
    }
}
