// Where the sections of a plan begin (src/gpu/plan.rs).

const CHUNK: u32 = 64u;
const HEADER_WORDS: u32 = 4u;

// In words.
struct PlanLayout {
    // Lookups in the batch, valid or not.
    lookup_count: u32,
    order: u32,
    rows: u32,
    places: u32,
    starts: u32,
    blocks: u32,
    shards: u32,
}
