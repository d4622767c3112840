//! The lookups whose gradients an update will take.

use std::sync::Arc;

use burn::tensor::{Gradients, Tensor};
use wgpu_embedding::IndexBatch;

use crate::error::{Error, Result};
use crate::tracked::Tracked;

/// Backward passes that may go by without an update, and updates that a gradient may wait through: more than anybody
/// accumulates on purpose, few enough that forgetting one shows before memory runs out.
const MAX_PASSES: usize = 64;

/// A lookup's gradient, `[batch.len(), output_dim]`.
pub(crate) type LookupGradient = (Arc<IndexBatch>, Tensor<2>);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    lookups: Vec<Waiting>,
    /// Taken, in the order of their lookups, and not yet applied.
    gradients: Vec<LookupGradient>,
    /// Backward passes since gradients were last taken.
    passes: usize,
}

#[derive(Debug)]
struct Waiting {
    batch: Arc<IndexBatch>,
    tracked: Tracked,
    /// Whether its backward pass was counted.
    counted: bool,
    /// Updates that have not found its gradient, though it was there.
    missed: usize,
}

impl Pending {
    /// Forgets what can get no gradient any more, and counts backward passes; to be called before each tracked lookup.
    ///
    /// # Errors
    ///
    /// [`Error::ForgottenUpdate`].
    pub(crate) fn make_room(&mut self) -> Result<()> {
        self.lookups.retain(|lookup| lookup.tracked.is_alive());
        // One pass runs backward through all that were looked up since the last.
        let mut has_run = false;
        for lookup in self.lookups.iter_mut().filter(|lookup| !lookup.counted && lookup.tracked.has_run()) {
            (lookup.counted, has_run) = (true, true);
        }
        self.passes += usize::from(has_run);
        if self.passes > MAX_PASSES { Err(Error::ForgottenUpdate { steps: self.passes }) } else { Ok(()) }
    }

    pub(crate) fn push(&mut self, batch: Arc<IndexBatch>, tracked: Tracked) {
        self.lookups.push(Waiting { batch, tracked, counted: false, missed: 0 });
    }

    /// Takes all gradients that are there.
    ///
    /// # Errors
    ///
    /// [`Error::NoGradient`] if there are none, and none were taken before.
    pub(crate) fn take(&mut self, gradients: &mut Gradients) -> Result<()> {
        let taken = self.gradients.len();
        for mut lookup in std::mem::take(&mut self.lookups) {
            if let Some(gradient) = lookup.tracked.take_gradient(gradients) {
                self.gradients.push((lookup.batch, gradient));
                continue;
            }
            lookup.missed += usize::from(lookup.tracked.has_run());
            if lookup.tracked.is_alive() && lookup.missed <= MAX_PASSES {
                self.lookups.push(lookup);
            }
        }
        if self.gradients.is_empty() {
            return Err(Error::NoGradient { waiting: self.lookups.len() });
        }
        if self.gradients.len() > taken {
            self.passes = 0;
        }
        Ok(())
    }

    /// What was taken and is to be applied.
    pub(crate) fn gradients(&self) -> &[LookupGradient] {
        &self.gradients
    }

    /// Once they are applied.
    pub(crate) fn applied(&mut self) {
        self.gradients.clear();
    }

    /// Forgets all lookups and gradients.
    pub(crate) fn discard(&mut self) {
        *self = Self::default();
    }
}
