// How a table's rows lie in memory, and how the threads of a workgroup share them.
//
// A row of DIM floats is stored as QUADS vec4s, the last one filled up with zeros. THREADS threads work on one row, QUADS
// at most, each on every THREADS-th quad, so that neighbouring threads read neighbouring quads. The threads of a row are all
// of one workgroup, so that they can share what they know of it; what is left of the workgroup has no row.
//
// The host chooses how (src/gpu/mapping.rs). On a GPU a thread mostly has one quad of a row: then kernels have no loop over
// quads, and load all that they can before the first use.
//
// Parts: grid.

override DIM: u32;
override QUADS: u32;
override THREADS: u32;
// Lookups that a thread of the gather takes, 1 or 4.
override LOOKUPS: u32;
// Lookups that a sum loads before it adds the first of them, 1 or 4.
override AHEAD: u32;

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
