// A sorted batch: its kept lookups by row, then by position, and its runs, one for each distinct row. The host writes
// the plan (src/gpu/plan.rs, which describes its parts), or the sort kernels do.
//
// Parts: plan_layout.

@group(1) @binding(0) var<uniform> batch: PlanLayout;
@group(1) @binding(1) var<storage, read> plan: array<u32>;

// The lookups of one row: places start .. end of the order. An empty run is none at all.
struct Run {
    row: u32,
    start: u32,
    end: u32,
}

fn run_count() -> u32 {
    return plan[0];
}

fn kept_count() -> u32 {
    return plan[1];
}

fn run_number(run: u32) -> Run {
    return Run(plan[batch.rows + run], plan[batch.starts + run], plan[batch.starts + run + 1u]);
}

// The run that holds a place, which must be a multiple of CHUNK.
fn run_at(place: u32) -> Run {
    let run = plan[batch.blocks + place / CHUNK];
    if run >= run_count() {
        return Run(0u, 0u, 0u);
    }
    return run_number(run);
}

// The run of more than `length` places that starts in place .. place + length, if there is one; two cannot. Both are
// multiples of CHUNK. So long a run holds the first place after.
fn long_run_from(place: u32, length: u32) -> Run {
    if place >= kept_count() || length >= kept_count() - place {
        return Run(0u, 0u, 0u);
    }
    let run = run_at(place + length);
    if run.start < place || run.start >= place + length || run.end - run.start <= length {
        return Run(0u, 0u, 0u);
    }
    return run;
}
