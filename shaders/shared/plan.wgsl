// A sorted batch: its valid lookups by row, then by position, and its runs, one for each distinct row. The host writes
// the plan (src/gpu/plan.rs, which describes its parts), or the sort kernels do.
//
// Parts: sentinels, plan_layout.

@group(1) @binding(0) var<uniform> batch: PlanLayout;
@group(1) @binding(1) var<storage, read> plan: array<u32>;

// The lookups of one row: entries start .. end of the order. An empty run is none at all.
struct Run {
    row: u32,
    // Where the row lies.
    place: u32,
    start: u32,
    end: u32,
}

fn no_run() -> Run {
    return Run(INVALID, INVALID, 0u, 0u);
}

fn run_count() -> u32 {
    return plan[0];
}

fn valid_count() -> u32 {
    return plan[1];
}

fn run_number(run: u32) -> Run {
    let place = plan[batch.places + run];
    return Run(plan[batch.rows + run], place, plan[batch.starts + run], plan[batch.starts + run + 1u]);
}

// The run that holds an entry, which must be a multiple of CHUNK.
fn run_at(entry: u32) -> Run {
    let run = plan[batch.blocks + entry / CHUNK];
    if run >= run_count() {
        return no_run();
    }
    return run_number(run);
}

// The run of more than `length` entries that starts in entry .. entry + length, if there is one; two cannot. Both are
// multiples of CHUNK. So long a run holds the first entry after.
fn long_run_from(entry: u32, length: u32) -> Run {
    if entry >= valid_count() || length >= valid_count() - entry {
        return no_run();
    }
    let run = run_at(entry + length);
    if run.start < entry || run.start >= entry + length || run.end - run.start <= length {
        return no_run();
    }
    return run;
}
