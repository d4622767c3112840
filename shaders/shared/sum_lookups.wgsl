// The sum of the gradients of entries first .. end of the order, first to last; at least one entry.
//
// Parts: arithmetic, plan_layout, plan, gradient_*.

fn sum_lookups(first: u32, end: u32, quad: u32) -> vec4<f32> {
    // Starts from the first item, not from zero: 0.0 + -0.0 would lose the sign.
    var sum = load_gradient(plan[batch.order + first], quad);
    for (var entry = first + 1u; entry < end; entry++) {
        sum = add(sum, load_gradient(plan[batch.order + entry], quad));
    }
    return sum;
}
