// lists[query, list, :] = the `keep` best of the query's candidates list * TILE .. , best first: by falling key, then by
// rising row
//
// A candidate is a pair of key and row. In the form PAIRS they are read as they lie, [query, count]; in the form GROUPS
// they are the rows of the groups whose best rows lie in `pairs`, GROUP of each. Where there are fewer than `keep`, the
// rest has the key NO_CANDIDATE.
//
// One workgroup sorts one tile in workgroup memory, by a bitonic network: its exchanges do not depend on the data.
//
// Parts: grid, piece, score_key.

const TILE: u32 = 1024u;
const GROUP: u32 = 64u;

const PAIRS: u32 = 0u;
const GROUPS: u32 = 1u;
override SOURCE: u32;

struct Selection {
    // A query's candidates.
    count: u32,
    // Its tiles, and so the lists that are made of it.
    lists: u32,
    // A list's pairs; at most TILE.
    keep: u32,
    // Pairs from one query's first list to the next one's in `lists`.
    stride: u32,
    // Where the first query's first list starts.
    start: u32,
}

@group(1) @binding(0) var<uniform> selection: Selection;
@group(1) @binding(1) var<storage, read> pairs: array<vec2<u32>>;
@group(1) @binding(2) var<storage, read> keys: array<u32>;
@group(1) @binding(3) var<storage, read_write> lists: array<vec2<u32>>;

var<workgroup> tile_keys: array<u32, TILE>;
var<workgroup> tile_rows: array<u32, TILE>;

fn candidate(query: u32, number: u32) -> vec2<u32> {
    let none = vec2(NO_CANDIDATE, 0xffffffffu);
    if number >= selection.count {
        return none;
    }
    if SOURCE == PAIRS {
        return pairs[query * selection.count + number];
    }
    let best = pairs[query * (selection.count / GROUP) + number / GROUP];
    let row = best.y % piece.group_count + (number % GROUP) * piece.group_count;
    if row >= piece.row_count {
        return none;
    }
    return vec2(keys[query * piece.row_count + row], row);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn top_k(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    // A folded grid may overhang; such a workgroup sorts nothing, and writes nothing.
    let number = workgroup.y * grid.x + workgroup.x;
    let query = number / selection.lists;
    let list = number % selection.lists;
    for (var i = local; i < TILE; i += WORKGROUP_SIZE) {
        var pair = vec2(NO_CANDIDATE, 0xffffffffu);
        if query < piece.query_count {
            pair = candidate(query, list * TILE + i);
        }
        tile_keys[i] = pair.x;
        tile_rows[i] = pair.y;
    }
    workgroupBarrier();

    for (var size = 2u; size <= TILE; size <<= 1u) {
        for (var stride = size >> 1u; stride > 0u; stride >>= 1u) {
            for (var i = local; i < TILE / 2u; i += WORKGROUP_SIZE) {
                let low = 2u * i - (i & (stride - 1u));
                let high = low + stride;
                let low_key = tile_keys[low];
                let high_key = tile_keys[high];
                let low_row = tile_rows[low];
                let high_row = tile_rows[high];
                let in_order = low_key > high_key || (low_key == high_key && low_row < high_row);
                if in_order != ((low & size) == 0u) {
                    tile_keys[low] = high_key;
                    tile_keys[high] = low_key;
                    tile_rows[low] = high_row;
                    tile_rows[high] = low_row;
                }
            }
            workgroupBarrier();
        }
    }

    if query < piece.query_count {
        let start = selection.start + query * selection.stride + list * selection.keep;
        for (var i = local; i < selection.keep; i += WORKGROUP_SIZE) {
            lists[start + i] = vec2(tile_keys[i], tile_rows[i]);
        }
    }
}
