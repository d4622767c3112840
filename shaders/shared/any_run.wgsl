// The sum of a run of any length.
//
// Parts: plan_layout, plan, sum_lookups, partial_slots, sum_partials.

fn sum_of(run: Run, quad: u32) -> vec4<f32> {
    if run.end - run.start > CHUNK {
        return sum_partials(run, quad);
    }
    return sum_lookups(run.start, run.end, quad);
}
