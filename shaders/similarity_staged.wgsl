// keys[query, row]: what similarity.wgsl gives, for GPUs. Rows go through workgroup memory.
//
// A thread takes one row, and 4 queries or a single one. Were each thread to read its own row, neighbours would read bytes
// that lie a row apart; so the workgroup reads some quads of all its rows together, four neighbouring threads those of one
// row, and hands them round. While it computes with some, the next are on their way. All rows are summed in the same order.
//
// Parts: grid, piece, score_key, a storage, compared.

// Quads of each row that are staged at once.
const STAGED: u32 = 4u;

// All that WebGPU grants.
var<workgroup> staged: array<vec4<f32>, 1024>;

// Where a quad of a row is: neighbouring rows' quads are in different banks.
fn stage(row: u32, quad: u32) -> u32 {
    return row * STAGED + (quad ^ ((row / 2u) % STAGED));
}

// The quad that a thread brings in one of STAGED turns; past the end another one, with which nothing is computed.
fn load_staged(first_row: u32, first_quad: u32, local: u32, turn: u32) -> vec4<f32> {
    let entry = local + turn * WORKGROUP_SIZE;
    let row = min(first_row + entry / STAGED, piece.row_count - 1u);
    let quad = min(first_quad + entry % STAGED, QUADS - 1u);
    return unpacked(weights[(piece.first_of_shard + row) * QUADS + quad]);
}

fn store_staged(local: u32, turn: u32, value: vec4<f32>) {
    let entry = local + turn * WORKGROUP_SIZE;
    staged[stage(entry / STAGED, entry % STAGED)] = value;
}

// Of a thread's row: with each of its queries, and with itself.
struct Sums {
    products: vec4<f32>,
    square: f32,
}

// With one more of the staged quads, `at` that of the first query.
fn with_quad(sums: Sums, local: u32, quad: u32, at: u32) -> Sums {
    let x = staged[stage(local, quad)];
    var products = sums.products;
    products.x += dot(queries[at], x);
    if QUERIES == 4u {
        products.y += dot(queries[at + QUADS], x);
        products.z += dot(queries[at + 2u * QUADS], x);
        products.w += dot(queries[at + 3u * QUADS], x);
    }
    return Sums(products, sums.square + dot(x, x));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn similarity_staged(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let number = workgroup.y * grid.x + workgroup.x;
    let groups = (piece.row_count + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;
    let first_row = number % groups * WORKGROUP_SIZE;
    // A folded grid may overhang: such a workgroup computes the last queries, and does not write.
    let query = number / groups * QUERIES;
    let query_quads = min(query, piece.query_count - QUERIES) * QUADS;
    var sums = Sums();
    var a = load_staged(first_row, 0u, local, 0u);
    var b = load_staged(first_row, 0u, local, 1u);
    var c = load_staged(first_row, 0u, local, 2u);
    var d = load_staged(first_row, 0u, local, 3u);
    for (var first = 0u; first < QUADS; first += STAGED) {
        workgroupBarrier();
        store_staged(local, 0u, a);
        store_staged(local, 1u, b);
        store_staged(local, 2u, c);
        store_staged(local, 3u, d);
        workgroupBarrier();
        a = load_staged(first_row, first + STAGED, local, 0u);
        b = load_staged(first_row, first + STAGED, local, 1u);
        c = load_staged(first_row, first + STAGED, local, 2u);
        d = load_staged(first_row, first + STAGED, local, 3u);
        sums = with_quad(sums, local, 0u, query_quads + first);
        if first + 1u < QUADS {
            sums = with_quad(sums, local, 1u, query_quads + first + 1u);
        }
        if first + 2u < QUADS {
            sums = with_quad(sums, local, 2u, query_quads + first + 2u);
        }
        if first + 3u < QUADS {
            sums = with_quad(sums, local, 3u, query_quads + first + 3u);
        }
    }
    let row = first_row + local;
    if row >= piece.row_count || query >= piece.query_count {
        return;
    }
    let length = sqrt(sums.square);
    for (var i = 0u; i < QUERIES; i++) {
        var score = sums.products[i];
        if COSINE == 1u {
            score = select(score / length, 0.0, length == 0.0);
        }
        keys[(query + i) * piece.row_count + row] = score_key(score);
    }
}
