// sums[destination, :] = the sum of a segment's items, first to last
//
// A row's gradient is the sum of its lookups' gradients in batch order, cut in chunks of at most 64 from the row's own
// first lookup; chunk sums are added in chunks of 64 in the same way, until one is left. Each such chunk is a segment.
// Segments come in levels, one dispatch a level: the items of level 0 are lookups, named by `order`, those of a higher
// level are sums of the level below. So a row's bits depend on its own gradients alone, and one hot row is spread over
// the GPU. The host writes the segments (src/gpu/plan.rs). THREADS threads a segment.
//
// Parts: grid, row, gradient_*.

// The segments of this dispatch.
struct Level {
    first_segment: u32,
    segment_count: u32,
    // 1: items are lookups. 0: items are sums.
    of_lookups: u32,
}

struct Segment {
    // The first item: in `order` at level 0, in `sums` above.
    first_item: u32,
    // 1 to 64.
    item_count: u32,
    // Where in `sums` the result goes.
    destination: u32,
}

@group(0) @binding(1) var<uniform> level: Level;
@group(0) @binding(2) var<storage, read> segments: array<Segment>;
@group(0) @binding(3) var<storage, read> order: array<u32>;
@group(0) @binding(4) var<storage, read_write> sums: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn scatter_add(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let thread = thread_number(workgroup, grid, local);
    if thread / THREADS >= level.segment_count {
        return;
    }
    let segment = segments[level.first_segment + thread / THREADS];
    let end = segment.first_item + segment.item_count;
    for (var quad = thread % THREADS; quad < QUADS; quad += THREADS) {
        // Starts from the first item, not from zero: 0.0 + -0.0 would lose the sign.
        var sum: vec4<f32>;
        if level.of_lookups == 1u {
            sum = load_gradient(order[segment.first_item], quad);
            for (var item = segment.first_item + 1u; item < end; item++) {
                sum += load_gradient(order[item], quad);
            }
        } else {
            sum = sums[segment.first_item * QUADS + quad];
            for (var item = segment.first_item + 1u; item < end; item++) {
                sum += sums[item * QUADS + quad];
            }
        }
        sums[segment.destination * QUADS + quad] = sum;
    }
}
