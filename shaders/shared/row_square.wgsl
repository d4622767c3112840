// The sum of the squares of a row's summed gradient.
//
// The order of the sum does not know how many threads a row has: a quad gives the sum of its four squares, and the quads'
// are added by halving strides, from the next power of two of their number: entry i takes entry i + stride. Each of the
// row's threads puts its quads' into workgroup memory. A row of more than MOST_QUADS has its first levels of that tree
// added by the thread of each entry, so that MOST_QUADS entries are left; the host sees to it that the rows of a workgroup
// have no more than that together (src/gpu/mapping.rs).
//
// The kernel brings `Summed`, what a row's gradient is found by, and square_of_quad(Summed, quad).
//
// Parts: arithmetic, grid, row.

const MOST_QUADS: u32 = 2048u;

var<workgroup> squares_of_entries: array<f32, MOST_QUADS>;

fn square_of(summed: Summed, quad: u32) -> f32 {
    if quad >= QUADS {
        return 0.0;
    }
    return square_of_quad(summed, quad);
}

// The exponent of the least power of two that is not below `count`, of which there is at least one.
fn log2_above(count: u32) -> u32 {
    return 32u - countLeadingZeros(count - 1u);
}

// The lowest `count` bits of a number, in reverse order: Metal has a function for it only from version 2.1 on.
fn reversed(number: u32, count: u32) -> u32 {
    var result = 0u;
    for (var bit = 0u; bit < count; bit++) {
        result = (result << 1u) | ((number >> bit) & 1u);
    }
    return result;
}

// What the entry of a quad has after the levels of the tree that go beyond MOST_QUADS: those of quads MOST_QUADS apart. In
// the order of their numbers' reversed bits neighbours are added first, so that one number a level is enough.
fn square_of_entry(summed: Summed, entry: u32) -> f32 {
    if QUADS <= MOST_QUADS {
        return square_of(summed, entry);
    }
    let levels = log2_above(QUADS) - log2_above(MOST_QUADS);
    var left: array<f32, 22>;
    for (var number = 0u; number < (1u << levels); number++) {
        var sum = square_of(summed, entry + MOST_QUADS * reversed(number, levels));
        var level = 0u;
        while ((number >> level) & 1u) == 1u {
            sum = add_numbers(left[level], sum);
            level++;
        }
        left[level] = sum;
    }
    return left[levels];
}

// All threads of the workgroup must call it, those without a row with `live` false. The row's first thread has the sum, and
// its alone is the entry in workgroup memory from which it was read; a barrier must come before the next call.
fn square_of_row(lane: Lane, summed: Summed, live: bool) -> f32 {
    let entries = min(QUADS, MOST_QUADS);
    let first = lane.slot * entries;
    if live {
        for (var entry = lane.part; entry < entries; entry += THREADS) {
            squares_of_entries[first + entry] = square_of_entry(summed, entry);
        }
    }
    for (var stride = (1u << log2_above(entries)) / 2u; stride > 0u; stride /= 2u) {
        if THREADS > 1u {
            workgroupBarrier();
        }
        if live {
            for (var entry = lane.part; entry < stride && entry + stride < entries; entry += THREADS) {
                let sum = add_numbers(squares_of_entries[first + entry], squares_of_entries[first + entry + stride]);
                squares_of_entries[first + entry] = sum;
            }
        }
    }
    if live && lane.part == 0u {
        return squares_of_entries[first];
    }
    return 0.0;
}
