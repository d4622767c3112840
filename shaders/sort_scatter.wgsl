// Moves a block's lookups to where one pass of the sort wants them: by digit, equal digits in the order they had.
//
// One workgroup a block, which is a tile. A digit's lookups go after those of all lower digits, and after those of the same
// digit in the blocks before. They are sorted by digit in workgroup memory first, so that neighbours are written side by side.
//
// Parts: grid, sort_source, workgroup_scan, sort_tile.

// How the lookups are written: PACKED or PAIRS.
override DESTINATION: u32;

@group(0) @binding(2) var<storage, read> counts: array<u32>;
@group(0) @binding(3) var<storage, read_write> destination: array<u32>;

// Neighbouring digits of one thread, at most.
const MOST_OF_A_THREAD: u32 = DIGITS / WORKGROUP_SIZE;

// The same in this pass: as few as there are threads for.
fn digits_of_a_thread() -> u32 {
    return (digit_count() + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;
}

// Up to so many blocks there was no sort_scan: each workgroup adds the counts up, four loads ahead.
const FEW_BLOCKS: u32 = 32u;

// How many lookups of a digit are in the blocks before one, and how many in all.
struct Share {
    before: u32,
    total: u32,
}

fn share_of(digit: u32, block: u32) -> Share {
    let row = digit * sort.block_count;
    if sort.block_count > FEW_BLOCKS {
        return Share(counts[row + block], counts[digit_count() * sort.block_count + digit]);
    }
    var share = Share(0u, 0u);
    for (var first = 0u; first < sort.block_count; first += 4u) {
        let blocks = vec4(first) + vec4(0u, 1u, 2u, 3u);
        let entries = vec4(row) + min(blocks, vec4(sort.block_count - 1u));
        var each = vec4(counts[entries.x], counts[entries.y], counts[entries.z], counts[entries.w]);
        each = select(vec4<u32>(), each, blocks < vec4(sort.block_count));
        share.total += each.x + each.y + each.z + each.w;
        each = select(vec4<u32>(), each, blocks < vec4(block));
        share.before += each.x + each.y + each.z + each.w;
    }
    return share;
}

// Where a digit's lookups start in the sorted tile; 0 where there are none.
var<workgroup> digit_starts: array<u32, DIGITS>;

// Writes the lookup of an item that is at `entry` of the sorted tile; neighbouring threads write neighbouring entries.
fn store_lookup(lookup: SortItem, item: u32, entry: u32) {
    let goal = digit_starts[item >> ENTRY_BITS] + entry;
    if DESTINATION == PACKED {
        destination[goal] = (lookup.key << sort.position_bits) | lookup.position;
    } else {
        destination[goal] = lookup.key;
        destination[sort.count + goal] = lookup.position;
    }
}

// Moves the lookups of the tile that starts at `tile`. `next` is where the first lookup of each of the thread's digits goes.
fn scatter_tile(local: u32, tile: u32, next: vec4<u32>) {
    let tile_count = min(sort.count - min(tile, sort.count), TILE);
    let mask = digit_count() - 1u;
    for (var i = 0u; i < ITEMS; i++) {
        let entry = local * ITEMS + i;
        // What fills up the last tile stays behind all lookups. Loaded without a branch, so that no load waits for another.
        let key = source_key(min(tile + entry, sort.count - 1u));
        let digit = select(mask, (key >> sort.shift) & mask, entry < tile_count);
        exchange[spread(entry)] = (digit << ENTRY_BITS) | entry;
    }
    for (var digit = local; digit < digit_count(); digit += WORKGROUP_SIZE) {
        digit_starts[digit] = 0u;
    }
    sort_tile(local, sort.digit_bits);

    let first = local * ITEMS;
    var last_digit = 0u;
    if first > 0u {
        last_digit = exchange[spread(first - 1u)] >> ENTRY_BITS;
    }
    for (var entry = first; entry < min(first + ITEMS, tile_count); entry++) {
        let digit = exchange[spread(entry)] >> ENTRY_BITS;
        if digit != last_digit {
            digit_starts[digit] = entry;
        }
        last_digit = digit;
    }
    workgroupBarrier();
    // What to add to an entry in the tile; never negative, for lower digits of the tile lie before.
    let own = local * digits_of_a_thread();
    for (var i = 0u; i < MOST_OF_A_THREAD; i++) {
        if i < digits_of_a_thread() && own + i < digit_count() {
            digit_starts[own + i] = next[i] - digit_starts[own + i];
        }
    }
    workgroupBarrier();

    if tile_count == TILE {
        // All loads before the first store.
        let a = exchange[spread(local)];
        let b = exchange[spread(local + WORKGROUP_SIZE)];
        let c = exchange[spread(local + 2u * WORKGROUP_SIZE)];
        let d = exchange[spread(local + 3u * WORKGROUP_SIZE)];
        let e = exchange[spread(local + 4u * WORKGROUP_SIZE)];
        let f = exchange[spread(local + 5u * WORKGROUP_SIZE)];
        let g = exchange[spread(local + 6u * WORKGROUP_SIZE)];
        let h = exchange[spread(local + 7u * WORKGROUP_SIZE)];
        let of_a = source_lookup(tile + (a & ENTRY_MASK));
        let of_b = source_lookup(tile + (b & ENTRY_MASK));
        let of_c = source_lookup(tile + (c & ENTRY_MASK));
        let of_d = source_lookup(tile + (d & ENTRY_MASK));
        let of_e = source_lookup(tile + (e & ENTRY_MASK));
        let of_f = source_lookup(tile + (f & ENTRY_MASK));
        let of_g = source_lookup(tile + (g & ENTRY_MASK));
        let of_h = source_lookup(tile + (h & ENTRY_MASK));
        store_lookup(of_a, a, local);
        store_lookup(of_b, b, local + WORKGROUP_SIZE);
        store_lookup(of_c, c, local + 2u * WORKGROUP_SIZE);
        store_lookup(of_d, d, local + 3u * WORKGROUP_SIZE);
        store_lookup(of_e, e, local + 4u * WORKGROUP_SIZE);
        store_lookup(of_f, f, local + 5u * WORKGROUP_SIZE);
        store_lookup(of_g, g, local + 6u * WORKGROUP_SIZE);
        store_lookup(of_h, h, local + 7u * WORKGROUP_SIZE);
    } else {
        for (var entry = local; entry < tile_count; entry += WORKGROUP_SIZE) {
            let item = exchange[spread(entry)];
            store_lookup(source_lookup(tile + (item & ENTRY_MASK)), item, entry);
        }
    }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn sort_scatter(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    // A folded grid may overhang: such a workgroup has an empty tile.
    let block = min(workgroup.y * grid.x + workgroup.x, sort.block_count);
    var total = vec4<u32>();
    var before = vec4<u32>();
    for (var i = 0u; i < MOST_OF_A_THREAD; i++) {
        let digit = local * digits_of_a_thread() + i;
        if i < digits_of_a_thread() && digit < digit_count() {
            let share = share_of(digit, min(block, sort.block_count - 1u));
            total[i] = share.total;
            before[i] = share.before;
        }
    }
    let lower = workgroup_scan(local, total.x + total.y + total.z + total.w).before;
    let of_lower = vec4(0u, total.x, total.x + total.y, total.x + total.y + total.z);
    scatter_tile(local, block * TILE, vec4(lower) + of_lower + before);
}
