// Where a plan's parts begin (src/gpu/new_plan.rs), for the kernels that write one.

const CHUNK: u32 = 64u;
const HEADER_WORDS: u32 = 4u;

// In words.
struct PlanLayout {
    // Lookups in the batch, kept or not.
    lookup_count: u32,
    order: u32,
    rows: u32,
    starts: u32,
    blocks: u32,
    shards: u32,
}
