//! A batch's lookups, for the gather and the index check (shaders/shared/lookups.wgsl).
//!
//! They are one array of u32. `LookupLayout` says where each section begins:
//!
//! ```text
//! rows       [count]            the row of each lookup; where nobody has checked it, the index that was given
//! places     [count]            where that row lies
//! positions  [count]            the lookup's position in the batch
//! shards     [shard_count + 1]  the first lookup whose row is in shard s or a later one; at the end `count`
//! ```
//!
//! From a table of several shards whose indices the host knows, lookups are gathered shard after shard, by rising position.
//! Otherwise they are in batch order, and have neither `positions` nor `shards`. Where all of the table is on the GPU a row
//! lies where its number says, and `places` is the very section of `rows`.

use super::TableLayout;
pub(crate) use super::kernels::inputs::LookupLayout;

impl LookupLayout {
    /// Of `count` indices in batch order.
    pub(crate) fn in_batch_order(count: u32) -> Self {
        Self { count, rows: 0, places: 0, positions: 0, shards: 0 }
    }

    /// Of `count` lookups shard after shard. Gives the layout and the words that they take; where these are more than u32
    /// can number, the layout is of no use.
    pub(crate) fn by_shard(count: u32, shard_count: u32) -> (Self, u64) {
        let positions = u64::from(shard_count) + 1;
        let rows = positions + u64::from(count);
        let layout = Self { count, rows: rows as u32, places: rows as u32, positions: positions as u32, shards: 0 };
        (layout, rows + u64::from(count))
    }
}

/// Lookups shard after shard.
#[derive(Debug, PartialEq)]
pub(crate) struct ShardLookups {
    pub layout: LookupLayout,
    pub words: Vec<u32>,
    /// Lookups of each shard.
    pub counts: Vec<u32>,
}

impl ShardLookups {
    /// All indices must be rows of the table.
    pub(crate) fn new(indices: &[u32], table: &TableLayout) -> Self {
        let shard_of = shard_of(table.rows_per_shard);
        let shard_count = table.shard_count() as usize;
        let mut counts = vec![0u32; shard_count];
        indices.iter().for_each(|&row| counts[shard_of(row)] += 1);
        let (layout, word_count) = LookupLayout::by_shard(indices.len() as u32, table.shard_count());
        let mut words = Vec::with_capacity(word_count as usize);
        words.push(0);
        for count in &counts {
            words.push(words.last().expect("the first") + count);
        }
        let mut next: Vec<u32> = words[..shard_count].to_vec();
        words.resize(word_count as usize, 0);
        for (position, &row) in (0u32..).zip(indices) {
            let next = &mut next[shard_of(row)];
            words[(layout.positions + *next) as usize] = position;
            words[(layout.rows + *next) as usize] = row;
            *next += 1;
        }
        Self { layout, words, counts }
    }
}

/// `row / rows_per_shard` without a division: two for each lookup took a third of the time to make a batch.
///
/// The product with the reciprocal is exact for every u32: Lemire, Kaser and Kurz, "Faster remainder by direct computation",
/// 2019.
fn shard_of(rows_per_shard: u32) -> impl Fn(u32) -> usize {
    let reciprocal = u128::from(u64::MAX / u64::from(rows_per_shard)) + 1;
    move |row| ((u128::from(row) * reciprocal) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shard_of_a_row_is_its_quotient() {
        let sizes = [1, 2, 3, 7, 64, 641, 65_535, 65_536, 65_537, 1 << 30, (1 << 31) - 1, u32::MAX - 1, u32::MAX];
        for rows_per_shard in sizes {
            let shard_of = shard_of(rows_per_shard);
            let last = u32::MAX / rows_per_shard;
            for shard in [0, 1, 2, 5, last / 3, last / 2, last - 1, last] {
                // On both sides of where the shard begins.
                let first = shard.wrapping_mul(rows_per_shard);
                for row in [first.saturating_sub(1), first, first.saturating_add(1), u32::MAX] {
                    assert_eq!(shard_of(row), (row / rows_per_shard) as usize, "row {row} of {rows_per_shard}");
                }
            }
        }
    }

    #[test]
    fn lookups_by_shard_are_each_shards_positions_rising() {
        let table = TableLayout { input_dim: 10, output_dim: 4, rows_per_shard: 4 };
        let lookups = ShardLookups::new(&[9, 0, 8, 3, 9, 1], &table);
        let layout = LookupLayout { count: 6, rows: 10, places: 10, positions: 4, shards: 0 };
        let words = [0, 3, 3, 6, 1, 3, 5, 0, 2, 4, 0, 3, 1, 9, 8, 9].to_vec();
        assert_eq!(lookups, ShardLookups { layout, words, counts: vec![3, 0, 3] });
        let none = ShardLookups::new(&[], &table);
        assert_eq!((none.words, none.counts), (vec![0; 4], vec![0; 3]));
    }
}
