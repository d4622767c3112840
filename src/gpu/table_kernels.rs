//! The kernels of a table's steps, compiled: which kernel a call takes, and with which constants.
//!
//! Putting a kernel together and finding it among the device's takes longer than recording it, so a table keeps what it found.

use std::sync::{Arc, Mutex};

use super::device::{Constant, Gpu, Pipeline, constant, lock};
use super::kernels::inputs::{Lookup, Runs};
use super::kernels::{Kernel, flush, gather, gather_deferred, partial_sums, update_all, update_rows};
use super::mapping::RowMapping;
use super::table::{Deferred, GpuTable, Training};
use crate::error::Result;
use crate::optimizer::Need;

/// A kernel of a table's, with the constants that vary from call to call. All others stay as long as the table's history does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TableKernel {
    /// The gather, or where the table is deferred the one that catches up what it looks up.
    Gather(Lookup),
    PartialSums {
        level: u32,
    },
    UpdateRows {
        runs: Runs,
        clipped: bool,
    },
    UpdateAll {
        clipped: bool,
    },
    /// Of a deferred table.
    Flush,
}

/// Those that were used.
#[derive(Debug, Default)]
pub(super) struct KnownPipelines(Mutex<Vec<(Key, Arc<Pipeline>)>>);

/// A kernel, and what the pipelines of a deferred table had to have.
type Key = (TableKernel, Option<Need>);

impl KnownPipelines {
    /// For a table that goes on with another history.
    pub(super) fn forget(&self) {
        lock(&self.0).clear();
    }
}

impl GpuTable {
    /// A kernel of the table's, compiled with what it needs now.
    ///
    /// # Panics
    ///
    /// On a frozen table, of a kernel that updates; on one that is not deferred, of [`TableKernel::Flush`].
    pub(super) fn pipeline(&self, gpu: &Gpu, which: TableKernel) -> Result<Arc<Pipeline>> {
        let key = (which, self.deferred().map(Deferred::need));
        let known = lock(&self.pipelines.0).iter().find(|(known, _)| *known == key).cloned();
        if let Some((_, pipeline)) = known {
            return Ok(pipeline);
        }
        let (mapping, kernel, constants) = self.composition(key);
        let pipeline = mapping.pipeline(gpu, &kernel, &constants)?;
        lock(&self.pipelines.0).push((key, pipeline.clone()));
        Ok(pipeline)
    }

    fn composition(&self, (which, need): Key) -> (&RowMapping, Kernel, Vec<Constant>) {
        let (mapping, storage) = (&self.mapping, self.precision.storage);
        let width = mapping.width();
        let training = || self.training.as_ref().expect("a table that trains");
        let of_training = |kernel| (mapping, kernel, training().constants(need));
        let clipped = |kernel, clipped: bool| {
            let (mapping, kernel, mut constants) = of_training(kernel);
            constants.push(constant("CLIPPED", clipped.into()));
            (mapping, kernel, constants)
        };
        let catches_up = "a deferred rule has something to catch up";
        match which {
            TableKernel::Gather(lookup) => match self.deferred() {
                Some(_) => {
                    let kernel = gather_deferred::kernel(lookup, width, training().optimizer.rule(), storage);
                    of_training(kernel.expect(catches_up))
                }
                None => (mapping, gather::kernel(lookup, width, storage), Vec::new()),
            },
            TableKernel::PartialSums { level } => {
                (&self.summing, partial_sums::kernel(width), vec![constant("LEVEL", level)])
            }
            TableKernel::UpdateRows { runs, clipped: is_clipped } => {
                let Training { optimizer, .. } = training();
                let deferred = self.deferred().is_some();
                clipped(update_rows::kernel(runs, optimizer.rule(), deferred, storage), is_clipped)
            }
            TableKernel::UpdateAll { clipped: is_clipped } => {
                clipped(update_all::kernel(width, training().optimizer.rule(), storage), is_clipped)
            }
            TableKernel::Flush => of_training(flush::kernel(training().optimizer.rule(), storage).expect(catches_up)),
        }
    }
}
