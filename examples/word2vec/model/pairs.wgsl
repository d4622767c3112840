// Skip-gram with negative sampling, between the crate's record_lookup of both tables, which fills the rows, and its
// record_update, which takes the gradients. With x an input's row, y a target's and n a negative sample's,
//
//   loss = sum over the pairs of an input and a target of  -log(sigmoid(x.y)) - NEGATIVE_WEIGHT * sum over n of
//          log(sigmoid(-x.n))
//
// where a negative sample that is the target's own word is left out. One workgroup a block (see blocks.rs): it computes
// all scores and their errors, the derivatives of the loss by the scores, into workgroup memory, and then every row's
// gradient of them. Every sum has a fixed order, so the same inputs give the same bits.

// Pieces in a row, see vec4.wgsl and scalar.wgsl.
override PIECES: u32;
// The widest window, in words to either side.
override WINDOW: u32;
// Negative samples a pair, divided by NEGATIVES.
override NEGATIVE_WEIGHT: f32;

const THREADS: u32 = 64u;
// Targets in a block, at most.
const TARGETS: u32 = 32u;
// Negative samples in a block.
const NEGATIVES: u32 = 16u;
const MAX_WINDOW: u32 = 16u;
const MAX_INPUTS: u32 = TARGETS + 2u * MAX_WINDOW;

struct Block {
    first_input: u32,
    input_count: u32,
    first_output: u32,
    target_count: u32,
    // Inputs before the one that is target 0 itself.
    left: u32,
}

struct Batch {
    // Where its blocks' losses go.
    first_loss: u32,
    blocks: array<Block>,
}

// [inputs, PIECES]
@group(0) @binding(0) var<storage, read> input_rows: array<Piece>;
// [outputs, PIECES]: of each block its targets, then its negative samples
@group(0) @binding(1) var<storage, read> output_rows: array<Piece>;
@group(0) @binding(2) var<storage, read_write> input_gradient: array<Piece>;
@group(0) @binding(3) var<storage, read_write> output_gradient: array<Piece>;
// [blocks of all batches until they are read]
@group(0) @binding(4) var<storage, read_write> losses: array<f32>;
@group(1) @binding(0) var<storage, read> batch: Batch;
// [inputs]: bit t is set where the input is in the window of its block's target t
@group(1) @binding(1) var<storage, read> windows: array<u32>;
// [outputs]: the words, the crate's own
@group(1) @binding(2) var<storage, read> output_words: array<u32>;

// [TARGETS, 2 * WINDOW + 1]: of each target and the input so many places from it, see `slot`
var<workgroup> pair_errors: array<f32, TARGETS * (2u * MAX_WINDOW + 1u)>;
// [inputs, NEGATIVES]
var<workgroup> negative_errors: array<f32, MAX_INPUTS * NEGATIVES>;
// Bit t of each negative sample is set where it is target t's own word.
var<workgroup> own_words: array<u32, NEGATIVES>;
var<workgroup> partial_losses: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn pairs(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let block = batch.blocks[workgroup.x];
    let first_negative = block.first_output + block.target_count;
    let slots = 2u * WINDOW + 1u;

    for (var negative = thread; negative < NEGATIVES; negative += THREADS) {
        let word = output_words[first_negative + negative];
        var own = 0u;
        for (var t = 0u; t < block.target_count; t++) {
            own |= select(0u, 1u << t, output_words[block.first_output + t] == word);
        }
        own_words[negative] = own;
    }
    workgroupBarrier();

    var loss = 0.0;
    for (var item = thread; item < block.target_count * slots; item += THREADS) {
        let t = item / slots;
        // The input's number, and WINDOW more, which it may be less than.
        let place = block.left + t + item % slots;
        let input = place - WINDOW;
        if place >= WINDOW && input < block.input_count && is_in_window(block.first_input + input, t) {
            let score = score(block.first_input + input, block.first_output + t);
            loss += softplus(-score);
            pair_errors[item] = -sigmoid(-score);
        }
    }
    for (var item = thread; item < block.input_count * NEGATIVES; item += THREADS) {
        let input = block.first_input + item / NEGATIVES;
        let negative = item % NEGATIVES;
        let pairs = countOneBits(windows[input] & ~own_words[negative]);
        var error = 0.0;
        if pairs > 0u {
            let weight = NEGATIVE_WEIGHT * f32(pairs);
            let score = score(input, first_negative + negative);
            loss += weight * softplus(score);
            error = weight * sigmoid(score);
        }
        negative_errors[item] = error;
    }

    partial_losses[thread] = loss;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if thread < half {
            partial_losses[thread] += partial_losses[thread + half];
        }
    }
    if thread == 0u {
        losses[batch.first_loss + workgroup.x] = partial_losses[0];
    }
    workgroupBarrier();

    for (var item = thread; item < block.input_count * PIECES; item += THREADS) {
        let input = item / PIECES;
        let piece = item % PIECES;
        var sum = Piece();
        for (var rest = windows[block.first_input + input]; rest != 0u; rest &= rest - 1u) {
            let t = firstTrailingBit(rest);
            let error = pair_errors[t * slots + input + WINDOW - block.left - t];
            sum += error * output_rows[(block.first_output + t) * PIECES + piece];
        }
        for (var negative = 0u; negative < NEGATIVES; negative++) {
            let error = negative_errors[input * NEGATIVES + negative];
            sum += error * output_rows[(first_negative + negative) * PIECES + piece];
        }
        input_gradient[(block.first_input + input) * PIECES + piece] = sum;
    }
    for (var item = thread; item < block.target_count * PIECES; item += THREADS) {
        let t = item / PIECES;
        let piece = item % PIECES;
        let own = block.left + t;
        var sum = Piece();
        for (var input = own - min(own, WINDOW); input < min(own + WINDOW + 1u, block.input_count); input++) {
            if is_in_window(block.first_input + input, t) {
                let error = pair_errors[t * slots + input + WINDOW - own];
                sum += error * input_rows[(block.first_input + input) * PIECES + piece];
            }
        }
        output_gradient[(block.first_output + t) * PIECES + piece] = sum;
    }
    for (var item = thread; item < NEGATIVES * PIECES; item += THREADS) {
        let negative = item / PIECES;
        let piece = item % PIECES;
        var sum = Piece();
        for (var input = 0u; input < block.input_count; input++) {
            let error = negative_errors[input * NEGATIVES + negative];
            sum += error * input_rows[(block.first_input + input) * PIECES + piece];
        }
        output_gradient[(first_negative + negative) * PIECES + piece] = sum;
    }
}

fn is_in_window(input: u32, t: u32) -> bool {
    return (windows[input] & (1u << t)) != 0u;
}

fn score(input: u32, output: u32) -> f32 {
    var sum = 0.0;
    for (var piece = 0u; piece < PIECES; piece++) {
        sum += product(input_rows[input * PIECES + piece], output_rows[output * PIECES + piece]);
    }
    return sum;
}

// log(1 + exp(x)), in a form that does not overflow.
fn softplus(x: f32) -> f32 {
    return max(x, 0.0) + log(1.0 + exp(-abs(x)));
}

fn sigmoid(x: f32) -> f32 {
    let small = exp(-abs(x));
    return select(small, 1.0, x >= 0.0) / (1.0 + small);
}
