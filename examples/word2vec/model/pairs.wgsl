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
const COLUMNS: u32 = 16u;

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
        (vec4<u32>(0u, 1u, 2u, 3u) + first_output < vec4<u32>(block.target_count)) | vec4<bool>(first_output >= TARGETS),
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

// Two neighbouring pieces of a row.
struct Pair {
    a: Piece,
    b: Piece,
}

// One workgroup a block and as many tiles as its threads make COLUMNS, of its inputs and then of its outputs. One thread
// eight rows by two pieces, and on to the pieces that are left.
@compute @workgroup_size(GRADIENT_THREADS)
fn gradients(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let block = batch.blocks[workgroup.x];
    let tile = workgroup.y * (GRADIENT_THREADS / COLUMNS) + thread / COLUMNS;
    for (var piece = thread % COLUMNS * 2u; piece < PIECES; piece += COLUMNS * 2u) {
        if tile < INPUT_TILES {
            input_tile(workgroup.x, block, tile * TILE, piece);
        } else {
            output_tile(workgroup.x, block, (tile - INPUT_TILES) * TILE, piece);
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
    var s0 = Pair();
    var s1 = Pair();
    var s2 = Pair();
    var s3 = Pair();
    var s4 = Pair();
    var s5 = Pair();
    var s6 = Pair();
    var s7 = Pair();
    let place = error_place(number, first / 4u);
    for (var other = 0u; other < near + NEGATIVES; other++) {
        let output = select(TARGETS + other - near, nearest + other, other < near);
        let row = output_row(block, output) * PIECES;
        let y = Pair(output_rows[row + piece], output_rows[row + second(piece)]);
        let a = errors[place + output];
        let b = errors[place + OUTPUTS + output];
        s0 = Pair(s0.a + a.x * y.a, s0.b + a.x * y.b);
        s1 = Pair(s1.a + a.y * y.a, s1.b + a.y * y.b);
        s2 = Pair(s2.a + a.z * y.a, s2.b + a.z * y.b);
        s3 = Pair(s3.a + a.w * y.a, s3.b + a.w * y.b);
        s4 = Pair(s4.a + b.x * y.a, s4.b + b.x * y.b);
        s5 = Pair(s5.a + b.y * y.a, s5.b + b.y * y.b);
        s6 = Pair(s6.a + b.z * y.a, s6.b + b.z * y.b);
        s7 = Pair(s7.a + b.w * y.a, s7.b + b.w * y.b);
    }
    let row = block.first_input + first;
    let count = min(block.input_count - first, TILE);
    if 0u < count { store_input(row + 0u, piece, s0); }
    if 1u < count { store_input(row + 1u, piece, s1); }
    if 2u < count { store_input(row + 2u, piece, s2); }
    if 3u < count { store_input(row + 3u, piece, s3); }
    if 4u < count { store_input(row + 4u, piece, s4); }
    if 5u < count { store_input(row + 5u, piece, s5); }
    if 6u < count { store_input(row + 6u, piece, s6); }
    if 7u < count { store_input(row + 7u, piece, s7); }
}

fn output_tile(number: u32, block: Block, first: u32, piece: u32) {
    if first >= OUTPUTS || (first < TARGETS && first >= block.target_count) {
        return;
    }
    // The inputs: of negative samples all, of targets those near enough.
    var begin = 0u;
    var end = block.input_count;
    var count = TILE;
    if first < TARGETS {
        begin = max(block.left + first, WINDOW) - WINDOW;
        end = min(block.left + first + TILE + WINDOW, end);
        count = min(block.target_count - first, TILE);
    }
    var s0 = Pair();
    var s1 = Pair();
    var s2 = Pair();
    var s3 = Pair();
    var s4 = Pair();
    var s5 = Pair();
    var s6 = Pair();
    var s7 = Pair();
    let last = vec4<u32>(block.input_count - 1u);
    for (var quad = begin / 4u; quad * 4u < end; quad++) {
        let rows = (block.first_input + min(vec4<u32>(0u, 1u, 2u, 3u) + quad * 4u, last)) * PIECES;
        let a = rows + piece;
        let b = rows + second(piece);
        let x0 = Pair(input_rows[a.x], input_rows[b.x]);
        let x1 = Pair(input_rows[a.y], input_rows[b.y]);
        let x2 = Pair(input_rows[a.z], input_rows[b.z]);
        let x3 = Pair(input_rows[a.w], input_rows[b.w]);
        let place = error_place(number, quad) + first;
        s0 = add(s0, errors[place + 0u], x0, x1, x2, x3);
        s1 = add(s1, errors[place + 1u], x0, x1, x2, x3);
        s2 = add(s2, errors[place + 2u], x0, x1, x2, x3);
        s3 = add(s3, errors[place + 3u], x0, x1, x2, x3);
        s4 = add(s4, errors[place + 4u], x0, x1, x2, x3);
        s5 = add(s5, errors[place + 5u], x0, x1, x2, x3);
        s6 = add(s6, errors[place + 6u], x0, x1, x2, x3);
        s7 = add(s7, errors[place + 7u], x0, x1, x2, x3);
    }
    let row = output_row(block, first);
    if 0u < count { store_output(row + 0u, piece, s0); }
    if 1u < count { store_output(row + 1u, piece, s1); }
    if 2u < count { store_output(row + 2u, piece, s2); }
    if 3u < count { store_output(row + 3u, piece, s3); }
    if 4u < count { store_output(row + 4u, piece, s4); }
    if 5u < count { store_output(row + 5u, piece, s5); }
    if 6u < count { store_output(row + 6u, piece, s6); }
    if 7u < count { store_output(row + 7u, piece, s7); }
}

fn add(sum: Pair, error: vec4<f32>, x0: Pair, x1: Pair, x2: Pair, x3: Pair) -> Pair {
    return Pair(
        sum.a + error.x * x0.a + error.y * x1.a + error.z * x2.a + error.w * x3.a,
        sum.b + error.x * x0.b + error.y * x1.b + error.z * x2.b + error.w * x3.b,
    );
}

// The pair's second piece; past the row's end, the first one again.
fn second(piece: u32) -> u32 {
    return min(piece + 1u, PIECES - 1u);
}

fn store_input(row: u32, piece: u32, sum: Pair) {
    input_gradient[row * PIECES + piece] = sum.a;
    if piece + 1u < PIECES {
        input_gradient[row * PIECES + piece + 1u] = sum.b;
    }
}

fn store_output(row: u32, piece: u32, sum: Pair) {
    output_gradient[row * PIECES + piece] = sum.a;
    if piece + 1u < PIECES {
        output_gradient[row * PIECES + piece + 1u] = sum.b;
    }
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
