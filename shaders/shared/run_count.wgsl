// What run_heads counts in a block of the sorted lookups, for run_plan.

struct RunCount {
    // Runs that start there.
    heads: u32,
    // Lookups that are valid.
    valid: u32,
}
