// sums[slot, :] = the sum of a chunk of a long run
//
// A row's gradient is the sum of its lookups' gradients in batch order, cut in chunks of at most 64 from the row's own
// first lookup; chunk sums are added in chunks of 64 in the same way, until one is left. So a row's bits depend on its
// own gradients alone, and one hot row is spread over the GPU. This kernel does one level of that tree, for the runs
// that have more than one chunk in it; the last sum of each run is left to the kernel that uses it. THREADS threads a
// slot (shaders/shared/partial_slots.wgsl); most slots are empty.
//
// Parts: arithmetic, grid, row, sentinels, plan_layout, plan, gradient_*, add_up_to, sum_lookups, partial_slots, sum_chunks.

override LEVEL: u32;

@group(0) @binding(0) var<storage, read_write> sums: array<vec4<f32>>;

fn load_partial(slot: u32, quad: u32) -> vec4<f32> {
    return sums[slot * QUADS + quad];
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn partial_sums(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    // Where this level's slots begin, and where those of the level below.
    var first_slot = 0u;
    var first_below = 0u;
    var length = CHUNK;
    for (var level = 0u; level < LEVEL; level++) {
        first_below = first_slot;
        first_slot += level_slots(length);
        length *= CHUNK;
    }
    let lane = lane(workgroup, grid, local);
    let slot = lane.work;
    if !lane.exists || slot >= level_slots(length) {
        return;
    }
    let entry = slot / 2u * length;
    var run: Run;
    var chunk = 0u;
    if slot % 2u == 0u {
        run = long_run_from(entry, length);
    } else if entry < valid_count() {
        run = run_at(entry);
        if run.start >= entry || run.end - run.start <= length {
            return;
        }
        chunk = chunks_of(entry - run.start, length);
        if chunks_of(run.end - run.start, length) <= chunk {
            return;
        }
    }
    if run.end == 0u {
        return;
    }
    let start = run.start + chunk * length;
    // Not start + length, which may wrap.
    let entries = min(length, run.end - start);
    for (var quad = lane.part; quad < QUADS; quad += THREADS) {
        var sum: vec4<f32>;
        if LEVEL == 0u {
            sum = sum_lookups(start, start + entries, quad);
        } else {
            let below = length / CHUNK;
            let first_chunk = chunk * CHUNK;
            let end_chunk = first_chunk + chunks_of(entries, below);
            sum = sum_chunks(first_below, run.start, below, first_chunk, end_chunk, quad);
        }
        sums[(first_slot + slot) * QUADS + quad] = sum;
    }
}
