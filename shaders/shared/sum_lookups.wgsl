// The sum of the gradients of places first .. end of the order, first to last; at least one place.
//
// Parts: arithmetic, plan_layout, plan, gradient_*.

fn sum_lookups(first: u32, end: u32, quad: u32) -> vec4<f32> {
    // Starts from the first item, not from zero: 0.0 + -0.0 would lose the sign.
    var sum = load_gradient(plan[batch.order + first], quad);
    for (var place = first + 1u; place < end; place++) {
        sum = add(sum, load_gradient(plan[batch.order + place], quad));
    }
    return sum;
}
