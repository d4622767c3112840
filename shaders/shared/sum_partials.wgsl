// The last sum of a run of more than a chunk: of the 2 to 64 partial sums that are left of it.
//
// Parts: arithmetic, row, plan_layout, plan, partial_slots, sum_chunks.

@group(2) @binding(2) var<storage, read> partial_sums: array<vec4<f32>>;

fn load_partial(slot: u32, quad: u32) -> vec4<f32> {
    return partial_sums[slot * QUADS + quad];
}

fn sum_partials(run: Run, quad: u32) -> vec4<f32> {
    let entries = run.end - run.start;
    var first_slot = 0u;
    var length = CHUNK;
    while chunks_of(entries, length) > CHUNK {
        first_slot += level_slots(length);
        length *= CHUNK;
    }
    return sum_chunks(first_slot, run.start, length, 0u, chunks_of(entries, length), quad);
}
