// output[i, :] = table[indices[i], :] as dense Adam would have it now        shapes as in gather.wgsl
//
// A row that has missed steps is brought up to date on the way; the table itself is left as it is, so that lookups of
// one row need not wait for each other. One dispatch a shard; THREADS threads a lookup, the number that adam_deferred
// has for a row, for each has its own step number.
//
// Parts: grid, row, shard, those of the lookups (as for gather), output_*, missed_steps.

@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> first_moment: array<vec4<f32>>;
// v, or v_hat with amsgrad.
@group(0) @binding(4) var<storage, read> root_moment: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> last_step: array<u32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn gather_deferred(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let thread = thread_number(workgroup, grid, local);
    let lookup = find_lookup(thread / THREADS);
    if !lookup.exists {
        return;
    }
    let part = thread % THREADS;
    // Wraps to a large number for rows of earlier shards.
    let local_row = lookup.row - shard.first_row;
    if local_row < shard.row_count {
        let missed = missed_since(last_step[local_row * THREADS + part]);
        // A bit for each of this thread's quads that the rule does not cover.
        var left = 0u;
        var bit = 1u;
        for (var quad = part; quad < QUADS; quad += THREADS) {
            let place = local_row * QUADS + quad;
            var value = weights[place];
            if missed.count > 0u {
                let m = first_moment[place];
                let s_squared = root_moment[place];
                value = moved(missed, value, m, sum_by_rule(missed, s_squared));
                left |= select(bit, 0u, rule_covers(missed, m, s_squared));
            }
            store_output(lookup.position, quad, value);
            bit <<= 1u;
        }
        bit = 1u;
        for (var quad = part; quad < QUADS && TERMS && left != 0u; quad += THREADS) {
            if (left & bit) != 0u {
                let place = local_row * QUADS + quad;
                let m = first_moment[place];
                store_output(lookup.position, quad, moved(missed, weights[place], m, sum_by_terms(missed, root_moment[place])));
                left ^= bit;
            }
            bit <<= 1u;
        }
    } else if lookup.row >= shard.input_dim && shard.first_row == 0u {
        for (var quad = part; quad < QUADS; quad += THREADS) {
            store_output(lookup.position, quad, vec4<f32>());
        }
    }
}
