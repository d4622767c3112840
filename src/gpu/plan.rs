//! How a batch's lookups are sorted: what the sort on the host, or that on the GPU, leaves for the kernels to follow
//! (shaders/shared/plan.wgsl).
//!
//! A plan is one array of u32 with five parts behind a short header. `PlanLayout` says where each begins:
//!
//! ```text
//! header  [HEADER_WORDS]          run_count, kept_count, 0, 0
//! order   [lookup_count]          positions of the kept lookups, by row, then by position     kept_count of them used
//! rows    [lookup_count]          the distinct rows, rising: a run is one of them             run_count used
//! starts  [lookup_count + 1]      where in `order` each run starts; then kept_count           run_count + 1 used
//! blocks  [ceil(n / CHUNK) + 1]   the run that holds place CHUNK * b of `order`, or run_count past the end
//! shards  [shard_count + 1]       the first run whose row is in shard s or a later one; at the end run_count
//! ```
//!
//! A lookup is kept if its index is a row of the table and not `padding_idx`. From the runs alone each kernel finds the
//! fixed tree in which a row's gradients are added: chunks of CHUNK lookups from the run's own start, then chunks of
//! CHUNK of their sums, until one is left.

use super::TableLayout;
use super::kernels::shader_struct;

/// The most items that are summed one after the other; `CHUNK` in shaders/shared/plan.wgsl.
pub const CHUNK: u32 = 64;

/// Words of the header.
pub(crate) const HEADER_WORDS: u32 = 4;

shader_struct! {
    /// Where a plan's parts begin, in words: `PlanLayout` in shaders/shared/plan.wgsl.
    pub(crate) struct PlanLayout {
        /// Lookups in the batch, kept or not.
        lookup_count: u32,
        order: u32,
        rows: u32,
        starts: u32,
        blocks: u32,
        shards: u32,
    }
}

impl PlanLayout {
    /// For a batch of `lookup_count` lookups, of which `kept` at most are kept, in `runs` runs at most.
    ///
    /// Gives the layout and the words that the plan takes; `None` where their number exceeds u32.
    pub(crate) fn new(lookup_count: u32, kept: u32, runs: u32, shard_count: u32) -> Option<(Self, u32)> {
        let order = HEADER_WORDS;
        let rows = order.checked_add(kept)?;
        let starts = rows.checked_add(runs)?;
        let blocks = starts.checked_add(runs)?.checked_add(1)?;
        let shards = blocks.checked_add(lookup_count.div_ceil(CHUNK))?.checked_add(1)?;
        let words = shards.checked_add(shard_count)?.checked_add(1)?;
        Some((Self { lookup_count, order, rows, starts, blocks, shards }, words))
    }
}

/// A plan made on the host.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SortPlan {
    pub layout: PlanLayout,
    pub words: Vec<u32>,
    /// The distinct rows, rising.
    pub rows: Vec<u32>,
    /// Runs in each shard.
    pub runs: Vec<u32>,
    /// Lookups in the longest run of each shard.
    pub longest: Vec<u32>,
}

impl SortPlan {
    /// Sorts the lookups that train: those `keep` accepts, called with each index.
    ///
    /// Gives `None` for a batch whose plan would exceed 2^32 words.
    pub(crate) fn new(indices: &[u32], table: &TableLayout, keep: impl Fn(u32) -> bool) -> Option<Self> {
        let lookup_count = u32::try_from(indices.len()).ok()?;
        let mut lookups: Vec<(u32, u32)> =
            indices.iter().copied().zip(0..lookup_count).filter(|&(row, _)| keep(row)).collect();
        // Stable, so positions of one row stay in their order.
        radsort::sort_by_key(&mut lookups, |&(row, _)| row);
        let kept = lookups.len() as u32;

        let mut rows = Vec::new();
        let mut starts = Vec::new();
        for (start, &(row, _)) in (0..kept).zip(&lookups) {
            if rows.last() != Some(&row) {
                rows.push(row);
                starts.push(start);
            }
        }
        starts.push(kept);

        let run_count = rows.len() as u32;
        let (layout, word_count) = PlanLayout::new(lookup_count, kept, run_count, table.shard_count())?;
        let mut words = Vec::with_capacity(word_count as usize);
        words.extend([run_count, kept, 0, 0]);
        words.extend(lookups.iter().map(|&(_, position)| position));
        words.extend(&rows);
        words.extend(&starts);
        let mut run = 0;
        for block in 0..=lookup_count.div_ceil(CHUNK) {
            while run < rows.len() && u64::from(starts[run + 1]) <= u64::from(block) * u64::from(CHUNK) {
                run += 1;
            }
            words.push(run as u32);
        }
        let mut first_runs: Vec<u32> =
            table.shards().map(|shard| rows.partition_point(|&row| row < shard.start) as u32).collect();
        first_runs.push(run_count);
        words.extend(&first_runs);
        debug_assert_eq!(words.len(), word_count as usize);

        let of_shards = || first_runs.windows(2).map(|shard| shard[0] as usize..shard[1] as usize);
        let runs = of_shards().map(|runs| runs.len() as u32).collect();
        let longest =
            of_shards().map(|runs| runs.map(|run| starts[run + 1] - starts[run]).max().unwrap_or(0)).collect();
        Some(Self { layout, words, rows, runs, longest })
    }
}

/// Which lookups are of which shard, for the gather from a table of several: how many are of each, and the words of
/// `by_shard` in shaders/shared/shard_lookups.wgsl. All indices must be rows of the table.
pub(crate) fn by_shard(indices: &[u32], table: &TableLayout) -> (Vec<u32>, Vec<u32>) {
    let shard_of = |row: u32| (row / table.rows_per_shard) as usize;
    let shard_count = table.shard_count() as usize;
    let mut counts = vec![0u32; shard_count];
    indices.iter().for_each(|&row| counts[shard_of(row)] += 1);
    let mut words = Vec::with_capacity(shard_count + 1 + indices.len());
    words.push(shard_count as u32 + 1);
    for count in &counts {
        words.push(words.last().expect("the first") + count);
    }
    let mut next: Vec<u32> = words[..shard_count].to_vec();
    words.resize(shard_count + 1 + indices.len(), 0);
    for (position, &row) in (0u32..).zip(indices) {
        let next = &mut next[shard_of(row)];
        words[*next as usize] = position;
        *next += 1;
    }
    (counts, words)
}

/// Levels of partial sums that a run of `length` lookups needs: none if one chunk holds it.
pub(crate) fn partial_levels(length: u32) -> u32 {
    let mut items = length;
    let mut levels = 0;
    while items > CHUNK {
        items = items.div_ceil(CHUNK);
        levels += 1;
    }
    levels
}

/// Partial sums that a batch of `lookup_count` lookups has room for in `levels` levels: level after level, two for each
/// chunk's length of places.
pub(crate) fn partial_slots(lookup_count: u32, levels: u32) -> u64 {
    let mut chunks = lookup_count;
    (0..levels)
        .map(|_| {
            chunks = chunks.div_ceil(CHUNK);
            2 * u64::from(chunks)
        })
        .sum()
}
