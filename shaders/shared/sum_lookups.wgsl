// The sum of the gradients of entries first .. end of the order, first to last; at least one entry.
//
// Where AHEAD is 4, so many are loaded before the first is added: past the end the last one again, which is not added.
//
// Parts: arithmetic, row, plan_layout, plan, gradient_*.

fn sum_lookups(first: u32, end: u32, quad: u32) -> vec4<f32> {
    // Starts from the first item, not from zero: 0.0 + -0.0 would lose the sign.
    var sum = load_gradient(plan[batch.order + first], quad);
    if AHEAD == 1u {
        for (var entry = first + 1u; entry < end; entry++) {
            sum = add(sum, load_gradient(plan[batch.order + entry], quad));
        }
        return sum;
    }
    let last = end - 1u;
    for (var entry = first + 1u; entry < end; entry += 4u) {
        let entries = min(vec4(entry) + vec4(0u, 1u, 2u, 3u), vec4(last));
        let x = plan[batch.order + entries.x];
        let y = plan[batch.order + entries.y];
        let z = plan[batch.order + entries.z];
        let w = plan[batch.order + entries.w];
        sum = add_up_to(sum, load_gradient(x, quad), load_gradient(y, quad), load_gradient(z, quad), load_gradient(w, quad), end - entry);
    }
    return sum;
}
