// How a table's rows lie in memory, and how threads share a row.
//
// A row of DIM floats is stored as QUADS vec4s, the last one filled up with zeros. THREADS threads work on one row,
// each on at most 4 quads, THREADS apart: neighbouring threads read neighbouring quads, and each index is read once
// per 4 quads.

override DIM: u32;
override QUADS: u32;
override THREADS: u32;
