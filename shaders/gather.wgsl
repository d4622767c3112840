// output[i, :] = table[indices[i], :]        indices [lookups], table [input_dim, DIM], output [lookups, DIM]
//
// One dispatch a shard: it copies the lookups whose row the shard holds and leaves the others alone; the first
// shard's dispatch also writes zeros where an index is outside the table. THREADS threads a lookup. One composition goes
// through all lookups, one through those of the shard (shaders/shared/all_lookups.wgsl, shard_lookups.wgsl).
//
// Parts: grid, row, shard, sentinels, lookups, those of the work, output_*, weights_read.

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
    // Wraps to a large number for places of earlier shards.
    let place = lookup.place - shard.first_place;
    if place < shard.place_count {
        for (var quad = lane.part; quad < QUADS; quad += THREADS) {
            store_output(lookup.position, quad, weights[place * QUADS + quad]);
        }
    } else if !is_row(lookup.row) && shard.first_place == 0u {
        for (var quad = lane.part; quad < QUADS; quad += THREADS) {
            store_output(lookup.position, quad, vec4<f32>());
        }
    }
}
