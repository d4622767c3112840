// Brings rows of a shard up to the last step, as if each step had updated them: first_row .. first_row + row_count of
// the shard's own rows. THREADS threads a row; rows that are current are not touched.
//
// Parts: grid, row, shard, adam, missed_steps, catch_up.

struct Rows {
    first_row: u32,
    row_count: u32,
}

@group(0) @binding(6) var<storage, read_write> last_step: array<u32>;
@group(1) @binding(0) var<uniform> rows: Rows;

@compute @workgroup_size(WORKGROUP_SIZE)
fn flush(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let thread = thread_number(workgroup, grid, local);
    if thread / THREADS >= rows.row_count {
        return;
    }
    let row = rows.first_row + thread / THREADS;
    let part = thread % THREADS;
    let missed = missed_since(last_step[row * THREADS + part]);
    if missed.count == 0u {
        return;
    }
    // A bit for each of this thread's quads that the rule does not cover.
    var left = 0u;
    var bit = 1u;
    for (var quad = part; quad < QUADS; quad += THREADS) {
        let old = load_quad(row * QUADS + quad);
        if rule_covers(missed, old.m, old.s) {
            store_quad(row * QUADS + quad, catch_up(missed, old, sum_by_rule(missed, old.s)));
        } else {
            left |= bit;
        }
        bit <<= 1u;
    }
    bit = 1u;
    for (var quad = part; quad < QUADS && TERMS && left != 0u; quad += THREADS) {
        if (left & bit) != 0u {
            let old = load_quad(row * QUADS + quad);
            store_quad(row * QUADS + quad, catch_up(missed, old, sum_by_terms(missed, old.s)));
            left ^= bit;
        }
        bit <<= 1u;
    }
    last_step[row * THREADS + part] = missed.since + missed.count;
}
