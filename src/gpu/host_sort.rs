//! Sorts a batch's lookups on the host, in memory that the next batch uses again.
//!
//! No library of sorts takes its memory from the caller, or sorts the bits alone that rows have: of 65,536 lookups in a
//! table of 400,000 rows that is two passes in place of four, and no page that is new each time.

/// Bits of a digit, at most: its counters, of all passes, stay in the first cache.
const DIGIT_BITS: u32 = 11;

/// The memory of one sort.
#[derive(Debug, Default)]
pub(crate) struct SortScratch {
    items: Vec<u64>,
    other: Vec<u64>,
}

/// A valid lookup: its row above, its position below, so that items in order are lookups by row, then by position.
pub(crate) fn row_of(item: u64) -> u32 {
    (item >> 32) as u32
}

pub(crate) fn position_of(item: u64) -> u32 {
    item as u32
}

impl SortScratch {
    /// The lookups that `is_valid` accepts, sorted; their rows must be below `input_dim`. It is called twice for each.
    pub(crate) fn sort(&mut self, indices: &[u32], input_dim: u32, is_valid: impl Fn(u32) -> bool) -> &[u64] {
        let bits = u32::BITS - input_dim.saturating_sub(1).leading_zeros();
        let passes = bits.div_ceil(DIGIT_BITS).max(1);
        let digit_bits = bits.div_ceil(passes);
        let digits = 1usize << digit_bits;
        let digit = |row: u32, pass: u32| (row >> (pass * digit_bits)) as usize & (digits - 1);
        // All passes' digits are counted at once, each pass's in its own part.
        let mut starts = vec![0u32; digits * passes as usize];
        let mut valid = 0;
        for &row in indices.iter().filter(|&&row| is_valid(row)) {
            valid += 1;
            (0..passes).for_each(|pass| starts[pass as usize * digits + digit(row, pass)] += 1);
        }
        for of_pass in starts.chunks_exact_mut(digits) {
            let mut next = 0;
            for start in of_pass {
                next += std::mem::replace(start, next);
            }
        }
        let Self { items, other } = self;
        for scratch in [&mut *items, &mut *other] {
            scratch.resize(scratch.len().max(valid), 0);
        }
        let mut starts = starts.chunks_exact_mut(digits);
        // The first pass takes the lookups from where they are, in the order of their positions.
        let first = starts.next().expect("at least one pass");
        for (&row, position) in indices.iter().zip(0u64..).filter(|&(&row, _)| is_valid(row)) {
            let place = &mut first[digit(row, 0)];
            items[*place as usize] = u64::from(row) << 32 | position;
            *place += 1;
        }
        for (starts, pass) in starts.zip(1..) {
            for &item in &items[..valid] {
                let place = &mut starts[digit(row_of(item), pass)];
                other[*place as usize] = item;
                *place += 1;
            }
            std::mem::swap(items, other);
        }
        &items[..valid]
    }

    /// Bytes that it holds.
    pub(crate) fn bytes(&self) -> usize {
        (self.items.capacity() + self.other.capacity()) * size_of::<u64>()
    }

    /// What was sorted last, of which there are so many.
    pub(crate) fn sorted(&self, valid: u32) -> &[u64] {
        &self.items[..valid as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookups_are_sorted_by_row_then_by_position() {
        let mut scratch = SortScratch::default();
        let mut state = 1u64;
        for input_dim in [1u32, 2, 3, 2_048, 2_049, 4_194_304, 4_194_305, u32::MAX - 1] {
            for count in [0, 1, 2, 1_000, 300] {
                let mut random = || {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 33) as u32
                };
                let mut indices: Vec<u32> =
                    (0..count).map(|_| ((u64::from(random()) * u64::from(input_dim)) >> 31) as u32).collect();
                // The last row, again and again, and one that is left out.
                indices.iter_mut().step_by(7).for_each(|row| *row = input_dim - 1);
                let is_valid = |row: u32| row % 5 != 3;
                let mut expected: Vec<_> = indices
                    .iter()
                    .zip(0u64..)
                    .filter(|&(&row, _)| is_valid(row))
                    .map(|(&row, position)| u64::from(row) << 32 | position)
                    .collect();
                expected.sort_unstable();
                assert_eq!(scratch.sort(&indices, input_dim, is_valid), expected, "{count} of {input_dim}");
                assert_eq!(scratch.sorted(expected.len() as u32), expected);
            }
        }
    }
}
