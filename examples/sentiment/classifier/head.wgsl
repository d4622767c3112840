// The classifier's head, between the crate's record_lookup, which fills `words`, and its record_update, which takes
// `gradient`:
//
//   mean[s]  = sum of the sentence's words / their number          (zero where it has none)
//   score[s] = sigmoid(dot(mean[s], weights) + bias)
//   loss     = mean over the batch of the binary cross-entropy of score[s] and label[s]
//
// Three entry points, dispatched in this order: `forward`, `backward` and `update`. A sentence is LENGTH lookups, and
// those of index PADDING are no words. Every sum has a fixed order, so the same inputs give the same bits.

override DIM: u32;
override LENGTH: u32;

const PADDING: u32 = 0u;
const THREADS: u32 = 64u;

// All that the host knows of a batch, in a buffer of the batch's own.
struct Batch {
    // Where its outcomes go.
    first_outcome: u32,
    // Adam's scalars of this step, its powers taken on the host.
    step_size: f32,
    epsilon: f32,
    one_minus_beta_1: f32,
    one_minus_beta_2: f32,
    // One for each sentence of the batch: 1 for positive, 0 for negative.
    labels: array<f32>,
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
// [sentences, LENGTH], the crate's own
@group(1) @binding(1) var<storage, read> indices: array<u32>;

var<workgroup> partial_dots: array<f32, THREADS>;

// One workgroup a sentence; its threads share the columns, so that neighbours read neighbouring floats.
@compute @workgroup_size(THREADS)
fn forward(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let sentence = workgroup.x;
    let divisor = word_count(sentence);
    var dot = 0.0;
    for (var column = thread; column < DIM; column += THREADS) {
        var sum = 0.0;
        for (var word = sentence * LENGTH; word < (sentence + 1u) * LENGTH; word++) {
            if indices[word] != PADDING {
                sum += words[word * DIM + column];
            }
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
        outcomes[batch.first_outcome + sentence] = outcome(partial_dots[0] + parameters[DIM], batch.labels[sentence]);
    }
}

// Words of a sentence; 1 where it has none, so that its mean is zero and not the NaN that 0 / 0 gives.
fn word_count(sentence: u32) -> f32 {
    var count = 0u;
    for (var word = sentence * LENGTH; word < (sentence + 1u) * LENGTH; word++) {
        count += u32(indices[word] != PADDING);
    }
    return f32(max(count, 1u));
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
    return (score - batch.labels[sentence]) / f32(arrayLength(&batch.labels));
}

// gradient[s, word, :] = error[s] * weights / word_count[s], and zero for padding. One workgroup a sentence.
@compute @workgroup_size(THREADS)
fn backward(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let sentence = workgroup.x;
    let scale = error(sentence) / word_count(sentence);
    for (var column = thread; column < DIM; column += THREADS) {
        let of_word = scale * parameters[column];
        for (var word = sentence * LENGTH; word < (sentence + 1u) * LENGTH; word++) {
            gradient[word * DIM + column] = select(0.0, of_word, indices[word] != PADDING);
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
    for (var sentence = 0u; sentence < arrayLength(&batch.labels); sentence++) {
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
