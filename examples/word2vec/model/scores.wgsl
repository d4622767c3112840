// The derivatives of the loss by the scores of a block, into `errors`, and the loss; see block.wgsl.
//
// One workgroup a block and tile of its inputs; one thread four inputs by four outputs.

const SCORE_THREADS: u32 = 32u;
const_assert TILE / 4u * (OUTPUTS / 4u) <= SCORE_THREADS;

// [blocks of all batches until they are read, INPUT_TILES]
@group(2) @binding(0) var<storage, read_write> losses: array<f32>;

var<workgroup> partial_losses: array<f32, SCORE_THREADS>;

@compute @workgroup_size(SCORE_THREADS)
fn scores(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let block = batch.blocks[workgroup.x];
    let first_input = workgroup.y * TILE + thread % (TILE / 4u) * 4u;
    let first_output = thread / (TILE / 4u) * 4u;
    var loss = 0.0;
    if first_output < OUTPUTS {
        let place = error_place(workgroup.x, first_input / 4u) + first_output;
        loss = score_tile(block, first_input, first_output, place);
    }

    partial_losses[thread] = loss;
    for (var half = SCORE_THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if thread < half {
            partial_losses[thread] += partial_losses[thread + half];
        }
    }
    if thread == 0u {
        losses[(batch.first_loss + workgroup.x) * INPUT_TILES + workgroup.y] = partial_losses[0];
    }
}

// The errors of four inputs by four outputs, from `place` on, and their loss.
fn score_tile(block: Block, first_input: u32, first_output: u32, place: u32) -> f32 {
    // Past the last input, and the last target, that one again, in nobody's window.
    let number = vec4<u32>(0u, 1u, 2u, 3u) + first_input;
    let last = vec4<u32>(block.input_count - 1u);
    let inputs = block.first_input + min(number, last);
    let outputs = vec4<u32>(
        output_row(block, first_output),
        output_row(block, first_output + 1u),
        output_row(block, first_output + 2u),
        output_row(block, first_output + 3u),
    );
    let in_window = select(
        vec4<u32>(),
        vec4<u32>(windows[inputs.x], windows[inputs.y], windows[inputs.z], windows[inputs.w]),
        number <= last,
    );
    let stands_for = select(
        vec4<u32>(),
        vec4<u32>(targets[outputs.x], targets[outputs.y], targets[outputs.z], targets[outputs.w]),
        (vec4<u32>(0u, 1u, 2u, 3u) + first_output < vec4<u32>(block.target_count))
            | vec4<bool>(first_output >= TARGETS),
    );
    let any_window = in_window.x | in_window.y | in_window.z | in_window.w;
    if (any_window & (stands_for.x | stands_for.y | stands_for.z | stands_for.w)) == 0u {
        // No pair at all: most targets and inputs are too far from each other.
        for (var output = 0u; output < 4u; output++) {
            errors[place + output] = vec4<f32>();
        }
        return 0.0;
    }

    let x = inputs * PIECES;
    let y = outputs * PIECES;
    var a = vec4<f32>();
    var b = vec4<f32>();
    var c = vec4<f32>();
    var d = vec4<f32>();
    for (var piece = 0u; piece < PIECES; piece++) {
        let x0 = input_rows[x.x + piece];
        let x1 = input_rows[x.y + piece];
        let x2 = input_rows[x.z + piece];
        let x3 = input_rows[x.w + piece];
        let y0 = output_rows[y.x + piece];
        let y1 = output_rows[y.y + piece];
        let y2 = output_rows[y.z + piece];
        let y3 = output_rows[y.w + piece];
        a += vec4<f32>(product(x0, y0), product(x1, y0), product(x2, y0), product(x3, y0));
        b += vec4<f32>(product(x0, y1), product(x1, y1), product(x2, y1), product(x3, y1));
        c += vec4<f32>(product(x0, y2), product(x1, y2), product(x2, y2), product(x3, y2));
        d += vec4<f32>(product(x0, y3), product(x1, y3), product(x2, y3), product(x3, y3));
    }
    let is_target = first_output < TARGETS;
    return score(place, a, in_window & vec4<u32>(stands_for.x), is_target)
        + score(place + 1u, b, in_window & vec4<u32>(stands_for.y), is_target)
        + score(place + 2u, c, in_window & vec4<u32>(stands_for.z), is_target)
        + score(place + 3u, d, in_window & vec4<u32>(stands_for.w), is_target);
}

// The errors of one output's scores, and their loss; `pairs` has a bit for each pair that a score stands for.
fn score(place: u32, scores: vec4<f32>, pairs: vec4<u32>, is_target: bool) -> f32 {
    let sign = select(1.0, -1.0, is_target);
    let weight = select(NEGATIVE_WEIGHT, 1.0, is_target) * vec4<f32>(countOneBits(pairs));
    // Not 0 times the error, which is NaN where a row is.
    let none = pairs == vec4<u32>();
    errors[place] = select(sign * weight * sigmoid(sign * scores), vec4<f32>(), none);
    let loss = select(weight * softplus(sign * scores), vec4<f32>(), none);
    return loss.x + loss.y + loss.z + loss.w;
}

// log(1 + exp(x)), in a form that does not overflow.
fn softplus(x: vec4<f32>) -> vec4<f32> {
    return max(x, vec4<f32>()) + log(1.0 + exp(-abs(x)));
}

fn sigmoid(x: vec4<f32>) -> vec4<f32> {
    let small = exp(-abs(x));
    return select(small, vec4<f32>(1.0), x >= vec4<f32>()) / (1.0 + small);
}
