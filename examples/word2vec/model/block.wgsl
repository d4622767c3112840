// What scores.wgsl and gradients.wgsl share: a block, and the buffers of a batch of them.
//
// Skip-gram with negative sampling stands between the crate's record_lookup of both tables, which fills the rows, and
// its record_update, which takes the gradients. With x an input's row, y a target's and n a negative sample's,
//
//   loss = sum over the pairs of an input and a target of  -log(sigmoid(x.y)) - NEGATIVE_WEIGHT * sum over n of
//          log(sigmoid(-x.n))
//
// where a negative sample that is the target's own word is left out. A block (see blocks.rs) is a product of
// matrices, its inputs by its outputs, of which the pairs of words too far from each other count for nothing. Both
// shaders work in tiles of its rows, so that what is loaded is used several times. Every sum has a fixed order, so
// the same inputs give the same bits.

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
// [outputs]: the targets that an output stands for, a bit each: a target itself, a negative sample all but its own
// word
@group(1) @binding(2) var<storage, read> targets: array<u32>;

// Where a block's output is among the lookups; past its last target, the last one again.
fn output_row(block: Block, output: u32) -> u32 {
    let target_row = min(output, block.target_count - 1u);
    return block.first_output + select(target_row, block.target_count + output - TARGETS, output >= TARGETS);
}

fn error_place(block: u32, quad: u32) -> u32 {
    return (block * INPUT_TILES * (TILE / 4u) + quad) * OUTPUTS;
}
