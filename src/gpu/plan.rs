//! How a batch's lookups are sorted, cut and summed. Pure host code; the GPU follows the plan (shaders/scatter_add.wgsl).

use std::ops::Range;

use super::kernels::scatter_add::Segment;

/// The most items that a [`Segment`] sums, one after the other.
pub(crate) const CHUNK: usize = 64;

/// A sorted batch: its runs, one for each distinct row, and the segments that sum each run's gradients.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SortPlan {
    /// Positions of the lookups in the batch, sorted by row, then by position.
    pub order: Vec<u32>,
    /// The distinct rows, rising.
    pub rows: Vec<u32>,
    /// All segments, level after level.
    pub segments: Vec<Segment>,
    /// The segments of each level.
    pub levels: Vec<Range<u32>>,
    /// Sums to keep: the runs' own, then the partial ones.
    pub sum_count: u32,
}

impl SortPlan {
    /// Sorts the lookups that train: those `keep` accepts, called with each index.
    ///
    /// `indices` must be shorter than `u32::MAX`.
    pub(crate) fn new(indices: &[u32], keep: impl Fn(u32) -> bool) -> Self {
        // Row and position in one key: an unstable sort of distinct keys is a stable sort of the rows.
        let mut keys: Vec<u64> = (0u64..)
            .zip(indices)
            .filter(|&(_, &row)| keep(row))
            .map(|(position, &row)| u64::from(row) << 32 | position)
            .collect();
        keys.sort_unstable();

        let order: Vec<u32> = keys.iter().map(|&key| key as u32).collect();
        let mut rows = Vec::new();
        let mut starts = Vec::new();
        for (start, &key) in keys.iter().enumerate() {
            let row = (key >> 32) as u32;
            if rows.last() != Some(&row) {
                rows.push(row);
                starts.push(start);
            }
        }

        let mut levels: Vec<Vec<Segment>> = Vec::new();
        let mut next_sum = rows.len();
        for run in 0..rows.len() {
            let end = starts.get(run + 1).copied().unwrap_or(keys.len());
            let mut items = starts[run]..end;
            let mut level = 0;
            loop {
                if levels.len() == level {
                    levels.push(Vec::new());
                }
                if items.len() <= CHUNK {
                    levels[level].push(segment(items, run));
                    break;
                }
                let first_sum = next_sum;
                for start in items.clone().step_by(CHUNK) {
                    levels[level].push(segment(start..items.end.min(start + CHUNK), next_sum));
                    next_sum += 1;
                }
                items = first_sum..next_sum;
                level += 1;
            }
        }

        let mut next = 0;
        let ranges = levels
            .iter()
            .map(|level| {
                let first = next;
                next += level.len() as u32;
                first..next
            })
            .collect();
        Self { order, rows, segments: levels.concat(), levels: ranges, sum_count: next_sum as u32 }
    }

    /// The runs whose rows a shard holds.
    pub(crate) fn runs_of(&self, shard_rows: &Range<u32>) -> Range<u32> {
        let first = self.rows.partition_point(|&row| row < shard_rows.start);
        let end = self.rows.partition_point(|&row| row < shard_rows.end);
        first as u32..end as u32
    }
}

fn segment(items: Range<usize>, destination: usize) -> Segment {
    Segment { first_item: items.start as u32, item_count: items.len() as u32, destination: destination as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Follows a plan on whole numbers, level by level, as the kernel does.
    fn follow(plan: &SortPlan, gradient: &[i64]) -> Vec<i64> {
        let mut sums = vec![i64::MIN; plan.sum_count as usize];
        for (level, range) in plan.levels.iter().enumerate() {
            for segment in &plan.segments[range.start as usize..range.end as usize] {
                assert!((1..=CHUNK as u32).contains(&segment.item_count));
                let items = segment.first_item as usize..(segment.first_item + segment.item_count) as usize;
                let sum = match level {
                    0 => plan.order[items].iter().map(|&position| gradient[position as usize]).sum(),
                    _ => sums[items].iter().inspect(|&&sum| assert_ne!(sum, i64::MIN, "read before written")).sum(),
                };
                let previous = std::mem::replace(&mut sums[segment.destination as usize], sum);
                assert_eq!(previous, i64::MIN, "written twice");
            }
        }
        sums.truncate(plan.rows.len());
        sums
    }

    #[test]
    fn every_run_is_summed_once_at_every_cliff() {
        // The last has four levels: 64^3 < 300,000.
        for length in [0, 1, 2, 63, 64, 65, 127, 128, 129, 4095, 4096, 4097, 64 * 64 + 65, 300_000] {
            let indices: Vec<u32> = (0..length + 10).map(|i| if i < length { 5 } else { i as u32 % 7 + 3 }).collect();
            let gradient: Vec<i64> = (0..indices.len() as i64).map(|i| i * i + 1).collect();
            let plan = SortPlan::new(&indices, |row| row != 4);
            let mut expected = std::collections::BTreeMap::new();
            for (&row, value) in indices.iter().zip(&gradient).filter(|&(&row, _)| row != 4) {
                *expected.entry(row).or_insert(0) += value;
            }
            assert_eq!(plan.rows, expected.keys().copied().collect::<Vec<_>>());
            assert_eq!(follow(&plan, &gradient), expected.values().copied().collect::<Vec<_>>());
            if length == 300_000 {
                assert_eq!(plan.levels.len(), 4);
            }
        }
    }

    #[test]
    fn the_order_is_stable_and_runs_fall_to_their_shards() {
        let plan = SortPlan::new(&[9, 2, 9, 0, 2, 9], |_| true);
        assert_eq!(plan.order, [3, 1, 4, 0, 2, 5]);
        assert_eq!(plan.rows, [0, 2, 9]);
        assert_eq!(plan.runs_of(&(0..2)), 0..1);
        assert_eq!(plan.runs_of(&(2..4)), 1..2);
        assert_eq!(plan.runs_of(&(4..9)), 2..2);
        assert_eq!(plan.runs_of(&(9..10)), 2..3);
    }
}
