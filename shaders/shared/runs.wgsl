// A run is one distinct row of a sorted batch: rows[run] is its row, sums[run] its summed gradient. Runs are in the
// order of their rows, so those of one shard follow one another: first_run .. first_run + run_count.

struct Runs {
    first_run: u32,
    run_count: u32,
    // The shard's rows.
    first_row: u32,
    row_count: u32,
}
