// output[i, :] = table[indices[i], :] as the dense optimizer would have it now        shapes as in gather.wgsl
//
// A row that has missed steps is brought up to date on the way; the table itself is left as it is, so that lookups of
// one row need not wait for each other. One dispatch a shard; THREADS threads a lookup.
//
// Parts: arithmetic, grid, row, shard, sentinels, lookups, those of the work (as for gather), output_*, a storage, weights_read,
// table_read, quad, row_state, step, history, segments, a rule's catch-up.

// By one rule. Of a row that is current nothing but the weights is read.
fn caught_up_weights(missed: Missed, w: vec4<f32>, place: u32, quad: u32) -> vec4<f32> {
    if missed.count == 0u {
        return w;
    }
    return caught_up_at_once(missed, quad, with_state(w, place, quad)).w;
}

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
        // On their way before it is known whether the row is current.
        let first_weights = load_weights(place, lane.part);
        let missed = missed_between(lookup.row, row_state[place * ROW_WORDS], step.number, load_row_number(place));
        if !one_rule_does(lane, place, missed) {
            for (var quad = lane.part; quad < QUADS; quad += THREADS) {
                store_output(lookup.position, quad, caught_up(missed, quad, load_quad(place, quad)).w);
            }
            return;
        }
        store_output(lookup.position, lane.part, caught_up_weights(missed, first_weights, place, lane.part));
        if THREADS < QUADS {
            for (var quad = lane.part + THREADS; quad < QUADS; quad += THREADS) {
                let w = load_weights(place, quad);
                store_output(lookup.position, quad, caught_up_weights(missed, w, place, quad));
            }
        }
    } else if !is_row(lookup.row) && shard.first_place == 0u {
        for (var quad = lane.part; quad < QUADS; quad += THREADS) {
            store_output(lookup.position, quad, vec4<f32>());
        }
    }
}
