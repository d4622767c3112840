// The classifier's head, between the crate's record_lookup, which fills `words`, and its record_update, which takes
// `gradient`:
//
//   mean[s]  = sum of the sentence's words / their number          (zero where it has none)
//   score[s] = sigmoid(dot(mean[s], weights) + bias)
//   loss     = mean over the batch of the binary cross-entropy of score[s] and label[s]
//
// Three entry points, dispatched in this order: `forward`, `backward` and `update`. A sentence is LENGTH lookups; as
// padding comes first, its words are the last of them. Every sum has a fixed order, so the same inputs give the same
// bits.

override DIM: u32;
override LENGTH: u32;

const THREADS: u32 = 64u;

struct Sentence {
    // 1 for positive, 0 for negative.
    label: f32,
    word_count: u32,
}

// All that the host knows of a batch, in a buffer of the batch's own.
struct Batch {
    // Where its outcomes go.
    first_outcome: u32,
    // Adam's scalars of this step, its powers taken on the host.
    step_size: f32,
    epsilon: f32,
    one_minus_beta_1: f32,
    one_minus_beta_2: f32,
    // One for each sentence of the batch.
    sentences: array<Sentence>,
}

struct Outcome {
    loss: f32,
    score: f32,
}

// [sentences, LENGTH, DIM]
@group(0) @binding(0) var<storage, read> words: array<f32>;
// [sentences, LENGTH, DIM]
@group(0) @binding(1) var<storage, read_write> gradient: array<f32>;
// [sentences, DIM]
@group(0) @binding(2) var<storage, read_write> means: array<f32>;
// [sentences of all batches until they are read]
@group(0) @binding(3) var<storage, read_write> outcomes: array<Outcome>;
// [DIM + 1]: the weights, and the bias last
@group(0) @binding(4) var<storage, read_write> parameters: array<f32>;
// [DIM + 1]: Adam's m and v
@group(0) @binding(5) var<storage, read_write> moments: array<vec2<f32>>;
@group(1) @binding(0) var<storage, read> batch: Batch;

var<workgroup> partial_dots: array<f32, THREADS>;

// One workgroup a sentence; its threads share the columns, so that neighbours read neighbouring floats.
@compute @workgroup_size(THREADS)
fn forward(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let sentence = workgroup.x;
    let read = batch.sentences[sentence];
    let divisor = f32(max(read.word_count, 1u));
    let end = (sentence + 1u) * LENGTH;
    var dot = 0.0;
    for (var column = thread; column < DIM; column += THREADS) {
        var sum = 0.0;
        for (var word = end - read.word_count; word < end; word++) {
            sum += words[word * DIM + column];
        }
        let mean = sum / divisor;
        means[sentence * DIM + column] = mean;
        dot += mean * parameters[column];
    }

    partial_dots[thread] = dot;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if thread < half {
            partial_dots[thread] += partial_dots[thread + half];
        }
    }
    if thread == 0u {
        outcomes[batch.first_outcome + sentence] = outcome(partial_dots[0] + parameters[DIM], read.label);
    }
}

// Sigmoid and binary cross-entropy, in forms that do not overflow.
fn outcome(logit: f32, label: f32) -> Outcome {
    let small = exp(-abs(logit));
    let loss = max(logit, 0.0) - logit * label + log(1.0 + small);
    let score = select(small, 1.0, logit >= 0.0) / (1.0 + small);
    return Outcome(loss, score);
}

// The gradient of the loss with respect to a sentence's logit.
fn error(sentence: u32) -> f32 {
    let score = outcomes[batch.first_outcome + sentence].score;
    return (score - batch.sentences[sentence].label) / f32(arrayLength(&batch.sentences));
}

// gradient[s, word, :] = error[s] * weights / word_count[s], and zero for padding. One workgroup a sentence.
@compute @workgroup_size(THREADS)
fn backward(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let sentence = workgroup.x;
    let word_count = batch.sentences[sentence].word_count;
    let scale = error(sentence) / f32(max(word_count, 1u));
    let start = sentence * LENGTH;
    for (var column = thread; column < DIM; column += THREADS) {
        let of_word = scale * parameters[column];
        for (var word = 0u; word < LENGTH; word++) {
            gradient[(start + word) * DIM + column] = select(0.0, of_word, word >= LENGTH - word_count);
        }
    }
}

// Adam on the head's own parameters, with Keras's formula. One thread a parameter, which sums over the batch in order:
// DIM + 1 threads are few for a GPU, but the head is no more than this one row.
@compute @workgroup_size(THREADS)
fn update(@builtin(global_invocation_id) thread: vec3<u32>) {
    let parameter = thread.x;
    if parameter > DIM {
        return;
    }
    var g = 0.0;
    for (var sentence = 0u; sentence < arrayLength(&batch.sentences); sentence++) {
        // The bias is the weight of an input that is always 1.
        var input = 1.0;
        if parameter < DIM {
            input = means[sentence * DIM + parameter];
        }
        g += error(sentence) * input;
    }
    var m = moments[parameter].x;
    var v = moments[parameter].y;
    m += (g - m) * batch.one_minus_beta_1;
    v += (g * g - v) * batch.one_minus_beta_2;
    moments[parameter] = vec2<f32>(m, v);
    parameters[parameter] -= batch.step_size * m / (sqrt(v) + batch.epsilon);
}
