// The sum of one number of each thread of the workgroup, in a fixed tree; thread 0 has it. All threads must take part.

var<workgroup> tree: array<f32, WORKGROUP_SIZE>;

fn sum_of_workgroup(local: u32, value: f32) -> f32 {
    tree[local] = value;
    for (var half = WORKGROUP_SIZE / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if local < half {
            tree[local] += tree[local + half];
        }
    }
    return tree[0];
}
