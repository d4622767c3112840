// output[i, :] = table[indices[i], :]        indices [lookups], table [input_dim, DIM], output [lookups, DIM]
//
// One dispatch a shard: it copies the lookups whose row the shard holds and leaves the others alone; the first
// shard's dispatch also writes zeros where an index is outside the table. THREADS threads a lookup. One build goes
// through all lookups, one through those of the shard (shaders/shared/all_lookups.wgsl, shard_lookups.wgsl).
//
// Parts: grid, row, shard, those of the lookups, output_*.

@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn gather(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let thread = thread_number(workgroup, grid, local);
    let lookup = find_lookup(thread / THREADS);
    if !lookup.exists {
        return;
    }
    // Wraps to a large number for rows of earlier shards.
    let local_row = lookup.row - shard.first_row;
    if local_row < shard.row_count {
        for (var quad = thread % THREADS; quad < QUADS; quad += THREADS) {
            store_output(lookup.position, quad, weights[local_row * QUADS + quad]);
        }
    } else if lookup.row >= shard.input_dim && shard.first_row == 0u {
        for (var quad = thread % THREADS; quad < QUADS; quad += THREADS) {
            store_output(lookup.position, quad, vec4<f32>());
        }
    }
}
