//! How a batch's lookups are sorted: what the sort on the host, or that on the GPU, leaves for the kernels to follow
//! (shaders/shared/plan.wgsl).
//!
//! A plan is one array of u32 of sections behind a short header. `PlanLayout` says where each begins:
//!
//! ```text
//! header  [HEADER_WORDS]          run_count, valid_count, 0, 0
//! order   [lookup_count]          positions of the valid lookups, by row, then by position    valid_count of them used
//! rows    [lookup_count]          the distinct rows, rising: a run is one of them             run_count used
//! places  [lookup_count]          where each of these rows lies                               run_count used
//! starts  [lookup_count + 1]      where in `order` each run starts; then valid_count          run_count + 1 used
//! blocks  [ceil(n / CHUNK) + 1]   the run that holds entry CHUNK * b of `order`, or run_count past the end
//! shards  [shard_count + 1]       the first run whose row is in shard s or a later one; at the end run_count
//! ```
//!
//! Where all of the table is on the GPU a row lies where its number says, and `places` is the very section of `rows`.
//!
//! A lookup is valid if its index is a row of the table and not `padding_idx`. From the runs alone each kernel finds the
//! fixed tree in which a row's gradients are added: chunks of CHUNK lookups from the run's own start, then chunks of
//! CHUNK of their sums, until one is left.

use super::TableLayout;
use super::host_sort::{self, SortScratch};
pub(crate) use super::kernels::inputs::PlanLayout;
use super::kernels::inputs::{CHUNK, HEADER_WORDS};
use super::region::check_numbers;
use crate::error::Result;

/// Words of a plan that are handed out at once.
const PIECE_WORDS: usize = 1_024;

impl PlanLayout {
    /// For a batch of `lookup_count` lookups, of which `valid` at most are valid, in `runs` runs at most.
    ///
    /// Gives the layout and the words that the plan takes.
    ///
    /// # Errors
    ///
    /// [`Error::BeyondKernels`](crate::Error::BeyondKernels) where u32 cannot number the words.
    pub(crate) fn new(lookup_count: u32, valid: u32, runs: u32, shard_count: u32) -> Result<(Self, u64)> {
        let order = u64::from(HEADER_WORDS);
        let rows = order + u64::from(valid);
        let starts = rows + u64::from(runs);
        let blocks = starts + u64::from(runs) + 1;
        let shards = blocks + u64::from(lookup_count.div_ceil(CHUNK)) + 1;
        let words = shards + u64::from(shard_count) + 1;
        check_numbers("the sorted batch", words * 4)?;
        // All are less than their end, which is at most 2^32.
        let [order, rows, starts, blocks, shards] = [order, rows, starts, blocks, shards].map(|entry| entry as u32);
        Ok((Self { lookup_count, order, rows, places: rows, starts, blocks, shards }, words))
    }
}

/// A plan made on the host.
#[derive(Debug)]
pub(crate) struct SortPlan {
    pub layout: PlanLayout,
    /// Words that it takes.
    pub word_count: u64,
    /// The distinct rows, rising.
    pub rows: Vec<u32>,
    /// Runs in each shard.
    pub runs: Vec<u32>,
    /// Lookups in the longest run of each shard.
    pub longest: Vec<u32>,
    starts: Vec<u32>,
    blocks: Vec<u32>,
    first_runs: Vec<u32>,
    /// With the sorted lookups.
    scratch: SortScratch,
}

impl SortPlan {
    /// Sorts the lookups that train: those `is_valid` accepts, called with each index.
    ///
    /// # Errors
    ///
    /// As [`PlanLayout::new`].
    pub(crate) fn new(
        indices: &[u32],
        table: &TableLayout,
        is_valid: impl Fn(u32) -> bool,
        mut scratch: SortScratch,
    ) -> Result<Self> {
        let lookup_count = u32::try_from(indices.len()).expect("a batch has fewer than u32::MAX indices");
        let lookups = scratch.sort(indices, table.input_dim, is_valid);
        let valid = lookups.len() as u32;

        let mut rows = Vec::new();
        let mut starts = Vec::new();
        for (start, row) in (0..valid).zip(lookups.iter().copied().map(host_sort::row_of)) {
            if rows.last() != Some(&row) {
                rows.push(row);
                starts.push(start);
            }
        }
        starts.push(valid);

        let run_count = rows.len() as u32;
        let (layout, word_count) = PlanLayout::new(lookup_count, valid, run_count, table.shard_count())?;
        let mut run = 0;
        let block_run = |block: u32| {
            while run < rows.len() && u64::from(starts[run + 1]) <= u64::from(block) * u64::from(CHUNK) {
                run += 1;
            }
            run as u32
        };
        let blocks = (0..=lookup_count.div_ceil(CHUNK)).map(block_run).collect();
        let mut first_runs: Vec<u32> =
            table.shards().map(|shard| rows.partition_point(|&row| row < shard.start) as u32).collect();
        first_runs.push(run_count);

        let of_shards = || first_runs.windows(2).map(|shard| shard[0] as usize..shard[1] as usize);
        let runs = of_shards().map(|runs| runs.len() as u32).collect();
        let longest =
            of_shards().map(|runs| runs.map(|run| starts[run + 1] - starts[run]).max().unwrap_or(0)).collect();
        Ok(Self { layout, word_count, rows, runs, longest, starts, blocks, first_runs, scratch })
    }

    /// Hands out the plan's words, in order and in several pieces.
    pub(crate) fn write(&self, mut push: impl FnMut(&[u32])) {
        let valid = *self.starts.last().expect("the end of the last run");
        push(&[self.rows.len() as u32, valid, 0, 0]);
        for lookups in self.scratch.sorted(valid).chunks(PIECE_WORDS) {
            let mut positions = [0; PIECE_WORDS];
            positions.iter_mut().zip(lookups).for_each(|(position, &item)| *position = host_sort::position_of(item));
            push(&positions[..lookups.len()]);
        }
        [&self.rows, &self.starts, &self.blocks, &self.first_runs].into_iter().for_each(|section| push(section));
    }

    /// The rows, and the memory for another sort.
    pub(crate) fn into_rows(self) -> (Vec<u32>, SortScratch) {
        (self.rows, self.scratch)
    }

    #[cfg(test)]
    pub(crate) fn words(&self) -> Vec<u32> {
        let mut words = Vec::new();
        self.write(|piece| words.extend(piece));
        assert_eq!(words.len() as u64, self.word_count);
        words
    }
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
/// chunk's length of entries.
pub(crate) fn partial_slots(lookup_count: u32, levels: u32) -> u64 {
    let mut chunks = lookup_count;
    (0..levels)
        .map(|_| {
            chunks = chunks.div_ceil(CHUNK);
            2 * u64::from(chunks)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_whose_words_have_no_numbers_is_an_error() {
        // Three words a lookup, one a chunk of 64, and nine besides.
        let most = (((1u64 << 32) - 9) * 64 / 193) as u32;
        assert!(PlanLayout::new(most - 64, most - 64, most - 64, 1).is_ok());
        let error = PlanLayout::new(most + 64, most + 64, most + 64, 1).unwrap_err().to_string();
        assert!(error.starts_with("the sorted batch needs 171798"), "{error}");
        assert!(
            error.ends_with("the kernels, which count in u32, take 17179869184 at most; split the batch"),
            "{error}"
        );
    }

    #[test]
    fn a_small_plan_in_full() {
        let table = TableLayout { input_dim: 10, output_dim: 4, rows_per_shard: 4 };
        // Row 8 is padding, and 12 is no row.
        let sort = |indices: &[u32], is_valid: fn(u32) -> bool| {
            SortPlan::new(indices, &table, is_valid, SortScratch::default()).unwrap()
        };
        let plan = sort(&[5, 2, 5, 8, 2, 5, 12], |row| row < 10 && row != 8);
        let header = [2, 5, 0, 0];
        let order = [1, 4, 0, 2, 5];
        let rows = [2, 5];
        let starts = [0, 2, 5];
        let blocks = [0, 2];
        let shards = [0, 1, 2, 2];
        assert_eq!(plan.words(), [&header[..], &order, &rows, &starts, &blocks, &shards].concat());
        let layout = PlanLayout { lookup_count: 7, order: 4, rows: 9, places: 9, starts: 11, blocks: 14, shards: 16 };
        assert_eq!(plan.layout, layout);
        assert_eq!(plan.rows, rows);
        assert_eq!((plan.runs, plan.longest), (vec![1, 1, 0], vec![2, 3, 0]));

        let empty = sort(&[8, 12], |row| row < 10 && row != 8);
        assert_eq!(empty.words(), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let nothing = sort(&[], |_| true);
        assert_eq!(nothing.words(), [0; 10]);
        assert_eq!(nothing.longest, [0, 0, 0]);
    }

    /// Row, first entry and the entry after the last.
    type Run = (u32, u32, u32);

    const NONE: Run = (0, 0, 0);

    /// The shaders' walk over a plan, function for function: shared/plan.wgsl and shared/partial_slots.wgsl.
    struct Walk<'a>(&'a SortPlan, Vec<u32>);

    impl Walk<'_> {
        fn word(&self, part: u32, number: u32) -> u32 {
            self.1[(part + number) as usize]
        }

        fn run_count(&self) -> u32 {
            self.1[0]
        }

        fn valid_count(&self) -> u32 {
            self.1[1]
        }

        fn run_number(&self, run: u32) -> Run {
            let PlanLayout { rows, starts, .. } = self.0.layout;
            (self.word(rows, run), self.word(starts, run), self.word(starts, run + 1))
        }

        fn run_at(&self, entry: u32) -> Run {
            let run = self.word(self.0.layout.blocks, entry / CHUNK);
            if run >= self.run_count() { NONE } else { self.run_number(run) }
        }

        fn long_run_from(&self, entry: u32, length: u32) -> Run {
            if entry >= self.valid_count() || length >= self.valid_count() - entry {
                return NONE;
            }
            let (row, start, end) = self.run_at(entry + length);
            let found = start >= entry && start < entry + length && end - start > length;
            if found { (row, start, end) } else { NONE }
        }

        fn level_slots(&self, length: u32) -> u32 {
            2 * self.0.layout.lookup_count.div_ceil(length)
        }

        fn partial_slot(start: u32, length: u32, chunk: u32) -> u32 {
            2 * (start / length + chunk) + chunk.min(1)
        }

        /// partial_sums.wgsl for all levels: what each slot holds, as the entries that it sums, or nothing. A sum of
        /// sums must take them in order and without a gap, or it panics.
        fn partial_sums(&self) -> Vec<Option<(u32, u32)>> {
            let longest = self.0.longest.iter().copied().max().unwrap();
            let levels = partial_levels(longest);
            let mut sums = vec![None; partial_slots(self.0.layout.lookup_count, levels) as usize];
            let (mut first_slot, mut first_below, mut length) = (0, 0, CHUNK);
            for level in 0..levels {
                for slot in 0..self.level_slots(length) {
                    let entry = slot / 2 * length;
                    let mut run = NONE;
                    let mut chunk = 0;
                    if slot % 2 == 0 {
                        run = self.long_run_from(entry, length);
                    } else if entry < self.valid_count() {
                        run = self.run_at(entry);
                        if run.1 >= entry || run.2 - run.1 <= length {
                            continue;
                        }
                        chunk = (entry - run.1).div_ceil(length);
                        if (run.2 - run.1).div_ceil(length) <= chunk {
                            continue;
                        }
                    }
                    let (_, run_start, run_end) = run;
                    if run_end == 0 {
                        continue;
                    }
                    let start = run_start + chunk * length;
                    let entries = length.min(run_end - start);
                    let sum = if level == 0 {
                        (start, start + entries)
                    } else {
                        let below = length / CHUNK;
                        let slots = (0..entries.div_ceil(below))
                            .map(|item| first_below + Self::partial_slot(run_start, below, chunk * CHUNK + item));
                        joined(&sums, slots)
                    };
                    sums[(first_slot + slot) as usize] = Some(sum);
                }
                first_below = first_slot;
                first_slot += self.level_slots(length);
                length *= CHUNK;
            }
            assert_eq!(first_slot as usize, sums.len());
            sums
        }

        /// sum_partials.wgsl: the entries that a long run's sum takes, in order, and how many sums it adds.
        fn sum_partials(&self, sums: &[Option<(u32, u32)>], run: Run) -> ((u32, u32), u32) {
            let entries = run.2 - run.1;
            let (mut first_slot, mut length) = (0, CHUNK);
            while entries.div_ceil(length) > CHUNK {
                first_slot += self.level_slots(length);
                length *= CHUNK;
            }
            let count = entries.div_ceil(length);
            let slots = (0..count).map(|chunk| first_slot + Self::partial_slot(run.1, length, chunk));
            (joined(sums, slots), count)
        }
    }

    /// What neighbouring sums make together.
    fn joined(sums: &[Option<(u32, u32)>], slots: impl Iterator<Item = u32>) -> (u32, u32) {
        let parts = slots.map(|slot| sums[slot as usize].expect("a slot that was written"));
        parts
            .reduce(|(start, end), (next, next_end)| {
                assert_eq!(end, next, "a gap, or an overlap");
                (start, next_end)
            })
            .unwrap()
    }

    /// Walks the plan of runs of these lengths, of the rows 0, 1, 2 and so on.
    fn check(lengths: &[u32]) {
        let lengths: Vec<u32> = lengths.iter().copied().filter(|&length| length > 0).collect();
        let rows = lengths.len() as u32;
        let indices: Vec<u32> =
            (0..).zip(&lengths).flat_map(|(row, &length)| (0..length).map(move |_| row)).collect();
        let table = TableLayout { input_dim: rows, output_dim: 4, rows_per_shard: rows };
        let plan = SortPlan::new(&indices, &table, |_| true, SortScratch::default()).unwrap();
        let walk = Walk(&plan, plan.words());
        let sums = walk.partial_sums();
        let mut starts = Vec::new();
        let mut start = 0;
        for (run, &length) in (0..).zip(&lengths) {
            let found = walk.run_number(run);
            assert_eq!(found, (run, start, start + length), "{lengths:?}");
            starts.push(found);
            // In level k, chunk c holds the entries from c * 64^(k + 1) on, from the run's own start.
            let (mut first_slot, mut chunk_length) = (0, CHUNK);
            while chunk_length < length {
                for chunk in 0..length.div_ceil(chunk_length) {
                    let slot = first_slot + Walk::partial_slot(start, chunk_length, chunk);
                    let from = start + chunk * chunk_length;
                    let expected = (from, (from + chunk_length).min(start + length));
                    assert_eq!(sums[slot as usize], Some(expected), "run {run} of {lengths:?}");
                }
                first_slot += walk.level_slots(chunk_length);
                chunk_length *= CHUNK;
            }
            if length > CHUNK {
                let (entries, count) = walk.sum_partials(&sums, found);
                assert_eq!(entries, (start, start + length), "{lengths:?}");
                assert!((2..=CHUNK).contains(&count));
            }
            start += length;
        }
        // Nothing else was written: each chunk of a level has a slot of its own.
        let chunks = |length: u32| {
            let levels = std::iter::successors(Some(CHUNK), |chunk| Some(chunk * CHUNK));
            levels.take_while(|&chunk| chunk < length).map(|chunk| length.div_ceil(chunk) as usize).sum::<usize>()
        };
        let written = sums.iter().flatten().count();
        assert_eq!(written, lengths.iter().map(|&length| chunks(length)).sum::<usize>(), "{lengths:?}");
        // Each block knows the run of its first entry, and the last one that there is none.
        for entry in (0..=indices.len() as u32).step_by(CHUNK as usize) {
            let holds = |&&(_, start, end): &&Run| (start..end).contains(&entry);
            let run = starts.iter().find(holds).copied().unwrap_or(NONE);
            assert_eq!(walk.run_at(entry), run, "{lengths:?}, entry {entry}");
        }
        // The update of long runs (shared/long_runs.wgsl) meets each of them once.
        let works = 0..(indices.len() as u32).div_ceil(CHUNK);
        let met: Vec<Run> =
            works.map(|work| walk.long_run_from(work * CHUNK, CHUNK)).filter(|run| run.2 > 0).collect();
        starts.retain(|&(_, start, end)| end - start > CHUNK);
        assert_eq!(met, starts, "{lengths:?}");
    }

    #[test]
    fn every_long_run_is_found_and_summed_once() {
        let lengths = [1, 2, 63, 64, 65, 127, 128, 129, 4_095, 4_096, 4_097, 64 * 64 + 65];
        for length in lengths {
            for offset in 0..=70 {
                check(&[offset, length]);
                check(&[offset, length, 1, 65, 130, 64, 200]);
                check(&[200 + offset, length, 63]);
                check(
                    &[64; 1].into_iter().chain(vec![1; offset as usize]).chain([length, 4_100]).collect::<Vec<_>>(),
                );
            }
        }
    }

    #[test]
    fn every_very_long_run_is_found_and_summed_once() {
        for length in [262_143, 262_144, 262_145, 300_000] {
            for offset in [0, 1, 63, 64, 65, 70] {
                check(&[offset, length, 1, 4_097]);
                check(&[5_000 + offset, length, 70]);
            }
        }
        // Two that each have three levels, side by side.
        check(&[3, 262_145, 262_146, 2]);
    }
}
