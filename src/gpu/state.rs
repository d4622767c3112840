//! How what an optimizer keeps lies on the device: pure arithmetic.

use super::TableLayout;
use super::device::{Constant, constant};
use crate::optimizer::{Extent, Optimizer, StateArray};

/// The arrays that an optimizer keeps, and where each is.
///
/// Those of one number a weight lie side by side in a record for each row, `[array][QUADS]` vec4s. Of a row there are a few
/// words: with a deferred update the step up to which it is current, then a number for each array of one number a row, of
/// which there is one at most.
#[derive(Debug)]
pub(crate) struct StateLayout {
    pub arrays: Vec<StateArray>,
    has_steps: bool,
    layout: TableLayout,
}

/// Where an array is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The number of it among the arrays of a record.
    Record(u32),
    /// The word of a row.
    Row(u32),
}

impl StateLayout {
    pub(crate) fn new(optimizer: &Optimizer, layout: TableLayout) -> Self {
        let has_steps = optimizer.catches_up();
        Self { arrays: optimizer.state(), has_steps, layout }
    }

    /// Arrays of one number a weight.
    fn of_elements(&self) -> u32 {
        count_of(&self.arrays, Extent::PerElement)
    }

    fn of_rows(&self) -> u32 {
        count_of(&self.arrays, Extent::PerRow)
    }

    /// Bytes of a row's record.
    pub(crate) fn record_bytes(&self) -> u64 {
        u64::from(self.of_elements()) * self.layout.row_bytes()
    }

    fn row_words(&self) -> u32 {
        u32::from(self.has_steps) + self.of_rows()
    }

    /// Bytes of a row's words.
    pub(crate) fn row_words_bytes(&self) -> u64 {
        u64::from(self.row_words()) * 4
    }

    /// Bytes of all that is kept of a row.
    pub(crate) fn row_bytes(&self) -> u64 {
        self.record_bytes() + self.row_words_bytes()
    }

    /// Whether there is a step number a row: its first word.
    pub(crate) fn has_steps(&self) -> bool {
        self.has_steps
    }

    /// Where an array is; `None` if it is not kept.
    pub(crate) fn place(&self, name: &str) -> Option<Place> {
        let number = self.arrays.iter().position(|array| array.name == name)?;
        let before = count_of(&self.arrays[..number], self.arrays[number].extent);
        Some(match self.arrays[number].extent {
            Extent::PerElement => Place::Record(before),
            Extent::PerRow => Place::Row(u32::from(self.has_steps) + before),
        })
    }

    /// The constants of shaders/shared/quad.wgsl, row_state.wgsl and row_term.wgsl.
    pub(crate) fn constants(&self) -> [Constant; 4] {
        [
            constant("ARRAYS", self.of_elements()),
            constant("ROW_WORDS", self.row_words()),
            constant("ROW_NUMBERS", self.of_rows()),
            ("MEAN_FACTOR", (1.0 / f64::from(self.layout.output_dim)) as f32 as f64),
        ]
    }
}

/// Arrays of one number a weight that a table of this optimizer has.
pub(crate) fn element_arrays(optimizer: &Optimizer) -> u32 {
    count_of(&optimizer.state(), Extent::PerElement)
}

fn count_of(arrays: &[StateArray], extent: Extent) -> u32 {
    arrays.iter().filter(|array| array.extent == extent).count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Adam, Update};

    #[test]
    fn a_record_has_all_arrays_of_a_row() {
        let layout = TableLayout { input_dim: 10, output_dim: 6, rows_per_shard: 10 };
        let of = |adam: Adam| StateLayout::new(&adam.into(), layout);
        let deferred = of(Adam::default().with_amsgrad(true));
        assert_eq!((deferred.record_bytes(), deferred.row_words_bytes(), deferred.row_bytes()), (96, 4, 100));
        assert_eq!(deferred.place("exp_avg_sq"), Some(Place::Record(1)));
        assert_eq!(deferred.place("max_exp_avg_sq"), Some(Place::Record(2)));
        let lazy = of(Adam::default().with_update(Update::Lazy));
        assert_eq!((lazy.record_bytes(), lazy.row_words_bytes()), (64, 0));
        assert_eq!(lazy.place("max_exp_avg_sq"), None);
    }
}
