// output[i, :] = table[indices[i], :]        indices [lookups], table [input_dim, DIM], output [lookups, DIM]
//
// One dispatch a shard: it copies the lookups whose row the shard holds and leaves the others alone; the first
// shard's dispatch also writes zeros where an index is outside the table. THREADS threads a lookup, LOOKUPS lookups a thread:
// their loads are all issued before the first is stored. One composition goes through all lookups, one through those of the
// shard (shaders/shared/all_lookups.wgsl, shard_lookups.wgsl).
//
// Parts: grid, row, shard, sentinels, lookups, those of the work, output_*, a storage, weights_read.

// What a thread copies for one lookup.
struct Copied {
    position: u32,
    // Of the row in the shard; of any row where there is none.
    place: u32,
    // The weights are written, or zeros.
    is_held: bool,
    is_written: bool,
}

// The thread's lookup of this number: those of a workgroup's threads lie side by side.
fn copied(lane: Lane, number: u32) -> Copied {
    let rows = WORKGROUP_SIZE / THREADS;
    let lookup = find_lookup((lane.work - lane.slot) * LOOKUPS + number * rows + lane.slot);
    // Wraps to a large number for places of earlier shards.
    let place = lookup.place - shard.first_place;
    let is_held = place < shard.place_count;
    let is_outside = !is_row(lookup.row) && shard.first_place == 0u;
    let is_written = lane.exists && lookup.exists && (is_held || is_outside);
    return Copied(lookup.position, select(0u, place, is_held), is_held, is_written);
}

fn copy_one(copy: Copied, quad: u32) {
    if copy.is_written {
        store_output(copy.position, quad, select(vec4<f32>(), load_weights(copy.place, quad), copy.is_held));
    }
}

// Loads stand together only where no store is in a branch of its own: a compiler moves a load to where alone it is used.
fn copy_four(first: Copied, second: Copied, third: Copied, fourth: Copied, quad: u32) {
    if first.is_written && second.is_written && third.is_written && fourth.is_written {
        let a = load_weights(first.place, quad);
        let b = load_weights(second.place, quad);
        let c = load_weights(third.place, quad);
        let d = load_weights(fourth.place, quad);
        store_output(first.position, quad, select(vec4<f32>(), a, first.is_held));
        store_output(second.position, quad, select(vec4<f32>(), b, second.is_held));
        store_output(third.position, quad, select(vec4<f32>(), c, third.is_held));
        store_output(fourth.position, quad, select(vec4<f32>(), d, fourth.is_held));
    } else {
        copy_one(first, quad);
        copy_one(second, quad);
        copy_one(third, quad);
        copy_one(fourth, quad);
    }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn gather(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let lane = lane(workgroup, grid, local);
    let first = copied(lane, 0u);
    if LOOKUPS == 1u {
        if !first.is_written {
            return;
        }
        for (var quad = lane.part; quad < QUADS; quad += THREADS) {
            copy_one(first, quad);
        }
        return;
    }
    let second = copied(lane, 1u);
    let third = copied(lane, 2u);
    let fourth = copied(lane, 3u);
    copy_four(first, second, third, fourth, lane.part);
    if THREADS < QUADS {
        for (var quad = lane.part + THREADS; quad < QUADS; quad += THREADS) {
            copy_four(first, second, third, fourth, quad);
        }
    }
}
