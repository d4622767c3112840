// Moves a block's lookups to where one pass of the sort wants them: by digit, equal digits in the order they had.
//
// One workgroup a block. It first adds up what sort_histogram counted: a digit's lookups go after those of all lower
// digits, and after those of the same digit in the blocks before. Then tile by tile: sorted by digit in workgroup
// memory, so that neighbours are written side by side.
//
// Parts: grid, sort_source, workgroup_scan, sort_tile.

// How the lookups are written: PACKED or PAIRS.
override DESTINATION: u32;

// 1: each block is one tile.
override ONE_TILE: u32;

@group(0) @binding(2) var<storage, read> counts: array<u32>;
@group(0) @binding(3) var<storage, read_write> destination: array<u32>;

// Where a digit's lookups start in the sorted tile, and where they end: 0 both where there are none.
var<workgroup> digit_starts: array<u32, 256>;
var<workgroup> digit_ends: array<u32, 256>;

// Moves the lookups of the tile that starts at `tile`, in a block that ends at `end`. Thread d's `next` is where the
// first lookup of digit d goes; gives how many there are.
fn scatter_tile(local: u32, tile: u32, end: u32, next: u32) -> u32 {
    let tile_count = min(end - min(tile, end), TILE);
    let mask = (1u << sort.digit_bits) - 1u;
    for (var i = 0u; i < ITEMS; i++) {
        let entry = local * ITEMS + i;
        // What fills up the last tile stays behind all lookups.
        var digit = mask;
        if entry < tile_count {
            digit = (source_key(tile + entry) >> sort.shift) & mask;
        }
        exchange[spread(entry)] = (digit << ENTRY_BITS) | entry;
    }
    digit_starts[local] = 0u;
    digit_ends[local] = 0u;
    sort_tile(local, sort.digit_bits);

    // Where the digit changes, one ends and one starts.
    let first = local * ITEMS;
    var last_digit = 0u;
    if first > 0u {
        last_digit = exchange[spread(first - 1u)] >> ENTRY_BITS;
    }
    for (var entry = first; entry < min(first + ITEMS, tile_count); entry++) {
        let digit = exchange[spread(entry)] >> ENTRY_BITS;
        if digit != last_digit {
            digit_ends[last_digit] = entry;
            digit_starts[digit] = entry;
        }
        if entry + 1u == tile_count {
            digit_ends[digit] = tile_count;
        }
        last_digit = digit;
    }
    workgroupBarrier();
    // What to add to an entry in the tile; never negative, for lower digits of the tile lie before.
    let tile_start = digit_starts[local];
    digit_starts[local] = next - tile_start;
    let count = digit_ends[local] - tile_start;
    workgroupBarrier();

    for (var i = 0u; i < ITEMS; i++) {
        // Neighbouring threads write neighbouring entries.
        let entry = i * WORKGROUP_SIZE + local;
        if entry < tile_count {
            let item = exchange[spread(entry)];
            let origin = tile + (item & ENTRY_MASK);
            let goal = digit_starts[item >> ENTRY_BITS] + entry;
            let lookup = source_lookup(origin);
            if DESTINATION == PACKED {
                destination[goal] = (lookup.key << sort.position_bits) | lookup.position;
            } else {
                destination[goal] = lookup.key;
                destination[sort.count + goal] = lookup.position;
            }
        }
    }
    return count;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn sort_scatter(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let block = workgroup.x;
    // Thread d is in charge of digit d.
    var before = 0u;
    var total = 0u;
    for (var other = 0u; other < sort.block_count; other++) {
        let count = counts[other * WORKGROUP_SIZE + local];
        before += select(0u, count, other < block);
        total += count;
    }
    var next = workgroup_scan(local, total).before + before;

    // A workgroup too many has no tile.
    let start = min(block, sort.block_count) * sort.block_items;
    let end = min(start + sort.block_items, sort.count);
    if ONE_TILE == 1u {
        // Without the loop: barriers in one cost the software adapter twice the time.
        scatter_tile(local, start, end, next);
    } else {
        for (var tile = start; tile < end; tile += TILE) {
            next += scatter_tile(local, tile, end, next);
            // The next tile goes where this one was.
            workgroupBarrier();
        }
    }
}
