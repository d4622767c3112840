// How a weight loses its last bits: to nearest, or stochastically, up with the probability of what is lost as a part of a
// unit in the last place, so that the mean of many roundings is the value itself, and small updates are not lost.
//
// The random bits are a function of (seed, step, row, column) alone: not of the place, the mapping, or the run.
//
// Parts: shard.

const ROUNDS: bool = true;

override STOCHASTIC: bool;

// Four words, one for each column of a quad, each of 32 random bits: pcg4d of Jarzynski and Olano, "Hash Functions for GPU
// Rendering", JCGT 9(3), 2020.
fn random(row: u32, quad: u32, step: u32) -> vec4<u32> {
    var v = vec4<u32>(row, quad, step, shard.seed) * 1664525u + 1013904223u;
    v.x += v.y * v.w;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v.w += v.y * v.z;
    v ^= v >> vec4<u32>(16u);
    v.x += v.y * v.w;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v.w += v.y * v.z;
    return v;
}
