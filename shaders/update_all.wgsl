// The optimizer's step on every row of one shard; a row outside the batch has gradient zero. `gradient` is what scatter_add
// has made of the batch's, a row a run.
//
// THREADS threads a row. A workgroup first finds which of its rows the batch has: one thread searches the sorted rows for
// the first of them, then there is one note a row in workgroup memory. So no gradient of the table's size is ever built or
// cleared: the bytes moved are the weights and the state once each way, and the batch's sums.
//
// Parts: arithmetic, grid, row, shard, sentinels, plan_layout, plan, gradient_*, a storage, table_write, quad, store_quad, row_state, step,
// row_term or no_row_term, a rule.

const NO_RUN: u32 = 0xffffffffu;

// The run of each of the workgroup's rows, or NO_RUN.
var<workgroup> run_of_row: array<u32, WORKGROUP_SIZE>;
// The first run of the workgroup's rows, or of later ones.
var<workgroup> first_run: u32;

// The first run in first..end whose place is at least `place`; all of the table is here, so places rise as rows do.
fn lower_bound(first: u32, end: u32, place: u32) -> u32 {
    var low = first;
    var high = end;
    while low < high {
        let middle = low + (high - low) / 2u;
        if plan[batch.places + middle] < place {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    return low;
}

// The number of a run, or NO_RUN.
alias Summed = u32;

fn gradient_of(run: u32, quad: u32) -> vec4<f32> {
    if run == NO_RUN {
        return vec4<f32>();
    }
    return clipped(load_gradient(run, quad));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn update_all(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let lane = lane(workgroup, grid, local);
    // A folded grid may overhang: such a workgroup finds no rows, but goes through the barriers with the others.
    let first_place = min(lane.work - lane.slot, shard.place_count);
    let end_place = min(first_place + WORKGROUP_SIZE / THREADS, shard.place_count);
    let live = lane.exists && lane.work < shard.place_count;
    // A thread's only quad is on its way before the barriers.
    var first_quad: Quad;
    if THREADS == QUADS && live {
        first_quad = load_quad(lane.work, lane.part);
    }

    let end_run = plan[batch.shards + shard.number + 1u];
    run_of_row[local] = NO_RUN;
    if local == 0u {
        first_run = lower_bound(plan[batch.shards + shard.number], end_run, shard.first_place + first_place);
    }
    workgroupBarrier();
    for (var run = first_run + local; run < end_run; run += WORKGROUP_SIZE) {
        let place = plan[batch.places + run] - shard.first_place;
        if place >= end_place {
            break;
        }
        run_of_row[place - first_place] = run;
    }
    workgroupBarrier();

    let run = run_of_row[lane.slot];
    var old_number = 0.0;
    if live && lane.part == 0u {
        old_number = load_row_number(lane.work);
    }
    let row_number = updated_row_number(lane, old_number, run, live);
    if !live {
        return;
    }
    let row = shard.first_place + lane.work;
    if THREADS == QUADS {
        store_quad(row, lane.work, lane.part, step.number, apply(first_quad, gradient_of(run, lane.part), row_number));
    } else {
        for (var quad = lane.part; quad < QUADS; quad += THREADS) {
            let old = load_quad(lane.work, quad);
            store_quad(row, lane.work, quad, step.number, apply(old, gradient_of(run, quad), row_number));
        }
    }
    store_row_number(lane, lane.work, row_number);
}
