// How a table's rows lie in memory, and how threads share a row.
//
// A row of DIM floats is stored as QUADS vec4s, the last one filled up with zeros. THREADS threads work on one row,
// each on every THREADS-th quad, so that neighbouring threads read neighbouring quads; the host chooses THREADS such
// that each reads its index once for several quads (src/gpu/mapping.rs).

override DIM: u32;
override QUADS: u32;
override THREADS: u32;
