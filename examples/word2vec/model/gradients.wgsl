// Every row's gradient, of the `errors` that scores.wgsl has left; see block.wgsl.
//
// One workgroup a block and as many tiles, of its inputs and then of its outputs, as its threads make COLUMNS. One
// thread eight rows by two pieces, and on to the pieces that are left.

const GRADIENT_THREADS: u32 = 32u;
const COLUMNS: u32 = 16u;

@group(2) @binding(1) var<storage, read_write> input_gradient: array<Piece>;
@group(2) @binding(2) var<storage, read_write> output_gradient: array<Piece>;

// Two neighbouring pieces of a row.
struct Pair {
    a: Piece,
    b: Piece,
}

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
    store_input(row, piece, s0);
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
    store_output(row, piece, s0);
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
