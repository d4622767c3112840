// output[i, :] = table[indices[i], :] as the dense optimizer would have it now        shapes as in gather.wgsl
//
// A row that has missed steps is brought up to date on the way; the table itself is left as it is, so that lookups of
// one row need not wait for each other. One dispatch a shard; THREADS threads a lookup.
//
// Parts: arithmetic, grid, row, shard, sentinels, lookups, those of the work (as for gather), output_*, weights_read,
// table_read, quad, row_state, history, segments, a rule's catch-up.

@compute @workgroup_size(WORKGROUP_SIZE)
fn gather_deferred(
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
        let missed = missed_between(row_state[place * ROW_WORDS], history[0].x, load_row_number(place));
        let one_rule_does = one_rule_does(lane, place, missed);
        for (var quad = lane.part; one_rule_does && quad < QUADS; quad += THREADS) {
            // Of a row that is current nothing but the weights is read.
            var value = weights[place * QUADS + quad];
            if missed.count > 0u {
                value = caught_up_at_once(missed, with_state(value, place, quad)).w;
            }
            store_output(lookup.position, quad, value);
        }
        for (var quad = lane.part; !one_rule_does && quad < QUADS; quad += THREADS) {
            store_output(lookup.position, quad, caught_up(missed, load_quad(place, quad)).w);
        }
    } else if !is_row(lookup.row) && shard.first_place == 0u {
        for (var quad = lane.part; quad < QUADS; quad += THREADS) {
            store_output(lookup.position, quad, vec4<f32>());
        }
    }
}
