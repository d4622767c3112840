// destination = source: what an adapter can move, for the other figures to be held against.
//
// A thread copies QUADS quads, a workgroup apart: 1 is the plain copy kernel, more of them save the adapter's own cost of
// a thread.

override QUADS: u32;

@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> destination: array<vec4<f32>>;

@compute @workgroup_size(256)
fn copy(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let first = (workgroup.y * grid.x + workgroup.x) * 256u * QUADS + local;
    if QUADS == 1u {
        // No loop, whose bookkeeping alone would slow it by half.
        destination[first] = source[first];
        return;
    }
    let end = min(first + 256u * QUADS, arrayLength(&source));
    for (var quad = first; quad < end; quad += 256u) {
        destination[quad] = source[quad];
    }
}
