// The row term of optimizers that keep a number a row: the mean of the squares of the row's clipped, summed gradient. From
// it the rule makes the row's new number.
//
// The order of the sum does not know how many threads a row has: a quad gives the sum of its four squares, and the quads'
// are added by halving strides, from the next power of two of their number: place i takes place i + stride. Each of the
// row's threads puts its quads' into workgroup memory. A row of more than MOST_QUADS has its first levels of that tree
// added by the thread of each place, so that MOST_QUADS places are left; the host sees to it that the rows of a workgroup
// have no more than that together (src/gpu/mapping.rs).
//
// All threads of the workgroup must call updated_row_number, those without a row with `live` false. The first thread of a
// row alone makes its new number, and hands it on through workgroup memory.
//
// The driver brings `Summed`, what a row's gradient is found by, and gradient_of(Summed, quad).
//
// Parts: arithmetic, grid, row, step, a rule with new_row_number.

const MOST_QUADS: u32 = 2048u;

// 1 / DIM, rounded once.
override MEAN_FACTOR: f32;

var<workgroup> squares: array<f32, MOST_QUADS>;

// The sum of the squares of four elements. An infinite element makes it NaN, and the row with it: an infinite sum is then
// always one of finite elements.
fn square_of(summed: Summed, quad: u32) -> f32 {
    if quad >= QUADS {
        return 0.0;
    }
    let g = gradient_of(summed, quad);
    let is_infinite = any((bitcast<vec4<u32>>(g) & vec4<u32>(~SIGN)) == vec4<u32>(INFINITY));
    return bitcast<f32>(select(bitcast<u32>(sum_of_squares(g)), 0x7fc00000u, is_infinite));
}

// The least power of two that is not below `count`, of which there is at least one.
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

// What the place of a quad has after the levels of the tree that go beyond MOST_QUADS: those of quads MOST_QUADS apart. In
// the order of their numbers' reversed bits neighbours are added first, so that one number a level is enough.
fn square_of_place(summed: Summed, place: u32) -> f32 {
    if QUADS <= MOST_QUADS {
        return square_of(summed, place);
    }
    let levels = log2_above(QUADS) - log2_above(MOST_QUADS);
    var left: array<f32, 22>;
    for (var number = 0u; number < (1u << levels); number++) {
        var sum = square_of(summed, place + MOST_QUADS * reversed(number, levels));
        var level = 0u;
        while ((number >> level) & 1u) == 1u {
            sum = add_numbers(left[level], sum);
            level++;
        }
        left[level] = sum;
    }
    return left[levels];
}

// `old` is the row's number before the step, which its first thread alone must know.
fn updated_row_number(lane: Lane, old: f32, summed: Summed, live: bool) -> f32 {
    let places = min(QUADS, MOST_QUADS);
    let first = lane.slot * places;
    if live {
        for (var place = lane.part; place < places; place += THREADS) {
            squares[first + place] = square_of_place(summed, place);
        }
    }
    for (var stride = (1u << log2_above(places)) / 2u; stride > 0u; stride /= 2u) {
        if THREADS > 1u {
            workgroupBarrier();
        }
        if live {
            for (var place = lane.part; place < stride && place + stride < places; place += THREADS) {
                squares[first + place] = add_numbers(squares[first + place], squares[first + place + stride]);
            }
        }
    }
    var number = 0.0;
    if live && lane.part == 0u {
        number = new_row_number(old, multiply_numbers(squares[first], MEAN_FACTOR));
        squares[first] = number;
    }
    if THREADS > 1u {
        workgroupBarrier();
        if live {
            number = squares[first];
        }
    }
    return number;
}
