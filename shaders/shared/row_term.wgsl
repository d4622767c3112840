// The row term of optimizers that keep a number a row: the mean of the squares of the row's clipped, summed gradient. From
// it the rule makes the row's new number.
//
// All threads of the workgroup must call updated_row_number, those without a row with `live` false. The first thread of a
// row alone makes its new number, and hands it on through workgroup memory.
//
// The driver brings gradient_of(Summed, quad).
//
// Parts: arithmetic, grid, row, row_square, step, a rule with new_row_number.

// 1 / DIM, rounded once.
override MEAN_FACTOR: f32;

// An infinite element makes the sum NaN, and the row with it: an infinite sum is then always one of finite elements.
fn square_of_quad(summed: Summed, quad: u32) -> f32 {
    let g = gradient_of(summed, quad);
    let is_infinite = any((bitcast<vec4<u32>>(g) & vec4<u32>(~SIGN)) == vec4<u32>(INFINITY));
    return bitcast<f32>(select(bitcast<u32>(sum_of_squares(g)), 0x7fc00000u, is_infinite));
}

// `old` is the row's number before the step, which its first thread alone must know.
fn updated_row_number(lane: Lane, old: f32, summed: Summed, live: bool) -> f32 {
    let square = square_of_row(lane, summed, live);
    // Of the row alone, so that one row's threads need wait for no other's.
    let entry = lane.slot * min(QUADS, MOST_QUADS);
    var number = 0.0;
    if live && lane.part == 0u {
        number = new_row_number(old, multiply_numbers(square, MEAN_FACTOR));
        squares_of_entries[entry] = number;
    }
    if THREADS > 1u {
        workgroupBarrier();
        if live {
            number = squares_of_entries[entry];
        }
    }
    return number;
}
