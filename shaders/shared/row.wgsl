// How a table's rows lie in memory, and how the threads of a workgroup share them.
//
// A row of DIM floats is stored as QUADS vec4s, the last one filled up with zeros. THREADS threads work on one row,
// each on every THREADS-th quad, so that neighbouring threads read neighbouring quads; the host chooses THREADS such
// that each reads its index once for several quads (src/gpu/mapping.rs). The threads of a row are all of one workgroup,
// so that they can share what they know of it; what is left of the workgroup has no row.
//
// Parts: grid.

override DIM: u32;
override QUADS: u32;
override THREADS: u32;

// What a thread works on.
struct Lane {
    // The number of its row among all that the dispatch goes through, and in the workgroup.
    work: u32,
    slot: u32,
    // Its own number among the threads of the row.
    part: u32,
    exists: bool,
}

fn lane(workgroup: vec3<u32>, grid: vec3<u32>, local: u32) -> Lane {
    let rows = WORKGROUP_SIZE / THREADS;
    let slot = local / THREADS;
    return Lane((workgroup.y * grid.x + workgroup.x) * rows + slot, slot, local % THREADS, slot < rows);
}
