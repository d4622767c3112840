// result[entry] = the Euclidean norm of a summed gradient, from the squares of its chunks (gradient_norm), or, with a limit,
// what the gradient is to be multiplied by so that its norm does not exceed it:
//
//   limit / (norm + epsilon) where that is less than 1, else 1
//
// Keras has no epsilon here, PyTorch has 1e-6. A norm that is not a number scales nothing.
//
// The squares are added in chunks of CHUNK, first to last, and the chunks' sums likewise, until one is left. One workgroup;
// `squares` is used up. Four are loaded before the first of them is added.
//
// Parts: arithmetic, grid, plan_layout.

struct Limit {
    square_count: u32,
    entry: u32,
    // 0 asks for the norm itself.
    limit: f32,
    epsilon: f32,
}

@group(0) @binding(0) var<uniform> limit: Limit;
@group(0) @binding(1) var<storage, read_write> squares: array<f32>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;

// A square, or nothing past the end: no sum here is -0. Loaded without a branch, so that no load waits for another.
fn square_at(entry: u32, end: u32) -> f32 {
    return select(0.0, squares[min(entry, end - 1u)], entry < end);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn gradient_scale(@builtin(local_invocation_index) local: u32) {
    for (var count = limit.square_count; count > 1u; count = (count - 1u) / CHUNK + 1u) {
        // A chunk's sum takes the place of a square that an earlier round has read, or this one, before the barrier.
        for (var first = 0u; first * CHUNK < count; first += WORKGROUP_SIZE) {
            let start = (first + local) * CHUNK;
            var sum = 0.0;
            for (var entry = start; entry < min(start + CHUNK, count); entry += 4u) {
                let a = square_at(entry, count);
                let b = square_at(entry + 1u, count);
                let c = square_at(entry + 2u, count);
                let d = square_at(entry + 3u, count);
                sum = add_numbers(add_numbers(add_numbers(add_numbers(sum, a), b), c), d);
            }
            storageBarrier();
            if start < count {
                squares[first + local] = sum;
            }
            storageBarrier();
        }
    }
    if local == 0u {
        let norm = square_root_of_number(squares[0]);
        var value = norm;
        if limit.limit > 0.0 {
            let divisor = add_numbers(norm, limit.epsilon);
            value = select(1.0, divide_numbers(limit.limit, divisor), divisor > limit.limit);
        }
        result[limit.entry] = value;
    }
}
