// Skip-gram with negative sampling, between the crate's record_lookup of both tables, which fills the rows, and its
// record_update, which takes the gradients. With x an input's row, y a target's and n a negative sample's,
//
//   loss = sum over the pairs of an input and a target of  -log(sigmoid(x.y)) - NEGATIVE_WEIGHT * sum over n of
//          log(sigmoid(-x.n))
//
// where a negative sample that is the target's own word is left out. A block (see blocks.rs) is a product of matrices,
// its inputs by its outputs, of which the pairs of words too far from each other count for nothing. Two entry points,
// dispatched in this order: `scores` leaves the derivatives of the loss by the scores in `errors`, and `gradients` makes
// every row's gradient of them. Every sum has a fixed order, so the same inputs give the same bits.
//
// Both work in tiles of TILE rows, so that a value that is loaded is used as often; and whatever does not depend on the
// thread is at an address that does not, either.

// Pieces in a row, see vec4.wgsl and scalar.wgsl.
override PIECES: u32;
// The widest window, in words to either side.
override WINDOW: u32;
// Tiles that the inputs of a block make, at most.
override INPUT_TILES: u32;
// Negative samples a pair, divided by NEGATIVES.
override NEGATIVE_WEIGHT: f32;

// Targets in a block, at most.
const TARGETS: u32 = 32u;
// Negative samples in a block.
const NEGATIVES: u32 = 16u;
const OUTPUTS: u32 = TARGETS + NEGATIVES;
const TILE: u32 = 8u;
const SCORE_THREADS: u32 = 32u;
const GRADIENT_THREADS: u32 = 32u;

struct Block {
    first_input: u32,
    input_count: u32,
    first_output: u32,
    target_count: u32,
    // Inputs before the one that is target 0 itself.
    left: u32,
}

struct Batch {
    // Where its losses go.
    first_loss: u32,
    blocks: array<Block>,
}

// [inputs, PIECES]
@group(0) @binding(0) var<storage, read> input_rows: array<Piece>;
// [outputs, PIECES]: of each block its targets, then its negative samples
@group(0) @binding(1) var<storage, read> output_rows: array<Piece>;
// [blocks, INPUT_TILES, TILE / 4, OUTPUTS]: of four inputs each; zero where there is no pair
@group(0) @binding(2) var<storage, read_write> errors: array<vec4<f32>>;
@group(1) @binding(0) var<storage, read> batch: Batch;
// [inputs]: bit t is set where the input is in the window of its block's target t
@group(1) @binding(1) var<storage, read> windows: array<u32>;
// [outputs]: the targets that an output stands for, a bit each: a target itself, a negative sample all but its own word
@group(1) @binding(2) var<storage, read> targets: array<u32>;
// [blocks of all batches until they are read, INPUT_TILES]
@group(2) @binding(0) var<storage, read_write> losses: array<f32>;
@group(2) @binding(1) var<storage, read_write> input_gradient: array<Piece>;
@group(2) @binding(2) var<storage, read_write> output_gradient: array<Piece>;

var<workgroup> partial_losses: array<f32, SCORE_THREADS>;

// One workgroup a block and tile of its inputs; one thread four inputs by four outputs.
@compute @workgroup_size(SCORE_THREADS)
fn scores(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let block = batch.blocks[workgroup.x];
    let first_input = workgroup.y * TILE + thread % (TILE / 4u) * 4u;
    let first_output = thread / (TILE / 4u) * 4u;
    var loss = 0.0;
    if first_output < OUTPUTS {
        loss = score_tile(block, first_input, first_output, error_place(workgroup.x, first_input / 4u) + first_output);
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
    // Past the last input the last one again, in nobody's window.
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
    let all = in_window.x | in_window.y | in_window.z | in_window.w;
    if (all & (targets[outputs.x] | targets[outputs.y] | targets[outputs.z] | targets[outputs.w])) == 0u {
        // Too far from each other, most of them.
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
    return score(place, a, in_window & vec4<u32>(targets[outputs.x]), is_target)
        + score(place + 1u, b, in_window & vec4<u32>(targets[outputs.y]), is_target)
        + score(place + 2u, c, in_window & vec4<u32>(targets[outputs.z]), is_target)
        + score(place + 3u, d, in_window & vec4<u32>(targets[outputs.w]), is_target);
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

// One workgroup a block and tile, of its inputs and then of its outputs; its threads share the columns.
@compute @workgroup_size(GRADIENT_THREADS)
fn gradients(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let block = batch.blocks[workgroup.x];
    for (var piece = thread; piece < PIECES; piece += GRADIENT_THREADS) {
        if workgroup.y < INPUT_TILES {
            input_tile(workgroup.x, block, workgroup.y * TILE, piece);
        } else {
            output_tile(workgroup.x, block, (workgroup.y - INPUT_TILES) * TILE, piece);
        }
    }
}

fn input_tile(number: u32, block: Block, first: u32, piece: u32) {
    if first >= block.input_count {
        return;
    }
    // The targets near enough, and then the negative samples.
    let nearest = max(first, block.left + WINDOW) - (block.left + WINDOW);
    let end = min(first + TILE + WINDOW - block.left, block.target_count);
    let near = max(end, nearest) - nearest;
    var s0 = Piece();
    var s1 = Piece();
    var s2 = Piece();
    var s3 = Piece();
    var s4 = Piece();
    var s5 = Piece();
    var s6 = Piece();
    var s7 = Piece();
    let place = error_place(number, first / 4u);
    for (var other = 0u; other < near + NEGATIVES; other++) {
        let output = select(TARGETS + other - near, nearest + other, other < near);
        let y = output_rows[output_row(block, output) * PIECES + piece];
        let a = errors[place + output];
        let b = errors[place + OUTPUTS + output];
        s0 += a.x * y;
        s1 += a.y * y;
        s2 += a.z * y;
        s3 += a.w * y;
        s4 += b.x * y;
        s5 += b.y * y;
        s6 += b.z * y;
        s7 += b.w * y;
    }
    let row = (block.first_input + first) * PIECES + piece;
    let count = min(block.input_count - first, TILE);
    input_gradient[row] = s0;
    if count > 1u { input_gradient[row + PIECES] = s1; }
    if count > 2u { input_gradient[row + 2u * PIECES] = s2; }
    if count > 3u { input_gradient[row + 3u * PIECES] = s3; }
    if count > 4u { input_gradient[row + 4u * PIECES] = s4; }
    if count > 5u { input_gradient[row + 5u * PIECES] = s5; }
    if count > 6u { input_gradient[row + 6u * PIECES] = s6; }
    if count > 7u { input_gradient[row + 7u * PIECES] = s7; }
}

fn output_tile(number: u32, block: Block, first: u32, piece: u32) {
    // The inputs: of targets those near enough, of negative samples all.
    var begin = 0u;
    var end = block.input_count;
    var count = TILE;
    if first < TARGETS {
        if first >= block.target_count {
            return;
        }
        begin = max(block.left + first, WINDOW) - WINDOW;
        end = min(block.left + first + TILE + WINDOW, end);
        count = min(block.target_count - first, TILE);
    }
    var s0 = Piece();
    var s1 = Piece();
    var s2 = Piece();
    var s3 = Piece();
    var s4 = Piece();
    var s5 = Piece();
    var s6 = Piece();
    var s7 = Piece();
    let last = vec4<u32>(block.input_count - 1u);
    for (var quad = begin / 4u; quad * 4u < end; quad++) {
        let inputs = block.first_input + min(vec4<u32>(0u, 1u, 2u, 3u) + quad * 4u, last);
        let rows = inputs * PIECES + piece;
        let x0 = input_rows[rows.x];
        let x1 = input_rows[rows.y];
        let x2 = input_rows[rows.z];
        let x3 = input_rows[rows.w];
        let place = error_place(number, quad) + first;
        s0 += weighted(errors[place], x0, x1, x2, x3);
        s1 += weighted(errors[place + 1u], x0, x1, x2, x3);
        s2 += weighted(errors[place + 2u], x0, x1, x2, x3);
        s3 += weighted(errors[place + 3u], x0, x1, x2, x3);
        s4 += weighted(errors[place + 4u], x0, x1, x2, x3);
        s5 += weighted(errors[place + 5u], x0, x1, x2, x3);
        s6 += weighted(errors[place + 6u], x0, x1, x2, x3);
        s7 += weighted(errors[place + 7u], x0, x1, x2, x3);
    }
    let row = output_row(block, first) * PIECES + piece;
    output_gradient[row] = s0;
    if count > 1u { output_gradient[row + PIECES] = s1; }
    if count > 2u { output_gradient[row + 2u * PIECES] = s2; }
    if count > 3u { output_gradient[row + 3u * PIECES] = s3; }
    if count > 4u { output_gradient[row + 4u * PIECES] = s4; }
    if count > 5u { output_gradient[row + 5u * PIECES] = s5; }
    if count > 6u { output_gradient[row + 6u * PIECES] = s6; }
    if count > 7u { output_gradient[row + 7u * PIECES] = s7; }
}

fn weighted(error: vec4<f32>, x0: Piece, x1: Piece, x2: Piece, x3: Piece) -> Piece {
    return error.x * x0 + error.y * x1 + error.z * x2 + error.w * x3;
}

// Where a block's output is among the lookups; past its last target, the last one again.
fn output_row(block: Block, output: u32) -> u32 {
    let target_row = min(output, block.target_count - 1u);
    return block.first_output + select(target_row, block.target_count + output - TARGETS, output >= TARGETS);
}

fn error_place(block: u32, quad: u32) -> u32 {
    return (block * INPUT_TILES * (TILE / 4u) + quad) * OUTPUTS;
}

// log(1 + exp(x)), in a form that does not overflow.
fn softplus(x: vec4<f32>) -> vec4<f32> {
    return max(x, vec4<f32>()) + log(1.0 + exp(-abs(x)));
}

fn sigmoid(x: vec4<f32>) -> vec4<f32> {
    let small = exp(-abs(x));
    return select(small, vec4<f32>(1.0), x >= vec4<f32>()) / (1.0 + small);
}
