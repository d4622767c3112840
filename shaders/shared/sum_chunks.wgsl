// The sum of the partial sums of chunks first_chunk .. end_chunk of a run, first to last; at least one. `first_slot` is
// where their level's slots begin. As sum_lookups, so many are loaded ahead.
//
// The kernel brings load_partial(slot, quad).
//
// Parts: arithmetic, row, partial_slots.

fn sum_chunks(first_slot: u32, start: u32, length: u32, first_chunk: u32, end_chunk: u32, quad: u32) -> vec4<f32> {
    var sum = load_partial(first_slot + partial_slot(start, length, first_chunk), quad);
    // Later chunks' slots are 2 apart.
    let second_slot = first_slot + partial_slot(start, length, first_chunk + 1u);
    let count = end_chunk - first_chunk - 1u;
    if AHEAD == 1u {
        for (var item = 0u; item < count; item++) {
            sum = add(sum, load_partial(second_slot + 2u * item, quad));
        }
        return sum;
    }
    for (var item = 0u; item < count; item += 4u) {
        let slots = second_slot + 2u * min(vec4(item) + vec4(0u, 1u, 2u, 3u), vec4(count - 1u));
        let x = load_partial(slots.x, quad);
        let y = load_partial(slots.y, quad);
        let z = load_partial(slots.z, quad);
        let w = load_partial(slots.w, quad);
        sum = add_up_to(sum, x, y, z, w, count - item);
    }
    return sum;
}
