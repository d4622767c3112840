// output[i, :] = table[indices[i], :]        indices [lookups], table [input_dim, DIM], output [lookups, DIM]
//
// One dispatch a shard: it copies the lookups whose row the shard holds and leaves the others alone; the first
// shard's dispatch also writes zeros where an index is outside the table. THREADS threads a lookup. One composition goes
// through all lookups, one through those of the shard (shaders/shared/all_lookups.wgsl, shard_lookups.wgsl).
//
// Parts: grid, row, shard, those of the lookups, output_*, weights_read.

@compute @workgroup_size(WORKGROUP_SIZE)
fn gather(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let lane = lane(workgroup, grid, local);
    let lookup = find_lookup(lane.work);
    if !lane.exists || !lookup.exists {
        return;
    }
    // Wraps to a large number for rows of earlier shards.
    let row = lookup.row - shard.first_row;
    if row < shard.row_count {
        for (var quad = lane.part; quad < QUADS; quad += THREADS) {
            store_output(lookup.position, quad, weights[row * QUADS + quad]);
        }
    } else if lookup.row >= shard.input_dim && shard.first_row == 0u {
        for (var quad = lane.part; quad < QUADS; quad += THREADS) {
            store_output(lookup.position, quad, vec4<f32>());
        }
    }
}
