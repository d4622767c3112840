//! What all clones of a SparseEmbedding share.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use wgpu_embedding::GpuEmbedding;

use crate::bridge::LazyFloat;
use crate::pending::Pending;

/// The state, and the thread that uses it.
pub(crate) struct SharedState {
    state: Mutex<State>,
    holder: Mutex<Option<ThreadId>>,
}

impl SharedState {
    pub(crate) fn new(state: State) -> Self {
        Self { state: Mutex::new(state), holder: Mutex::default() }
    }

    /// Waits for other threads.
    ///
    /// # Panics
    ///
    /// If this thread has the state already, for it would wait for ever.
    pub(crate) fn lock(&self) -> Held<'_> {
        let thread = Some(thread::current().id());
        let holds = *whole(&self.holder) == thread;
        assert!(!holds, "an embedding is used inside of its own with_table, and would wait for itself for ever");
        let state = whole(&self.state);
        *whole(&self.holder) = thread;
        Held { state, holder: &self.holder }
    }
}

/// Locks, after a panic elsewhere too: what the locks guard is whole at every moment.
fn whole<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The state while it is used.
pub(crate) struct Held<'a> {
    state: MutexGuard<'a, State>,
    holder: &'a Mutex<Option<ThreadId>>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        *whole(self.holder) = None;
    }
}

impl Deref for Held<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

/// A table, and what waits for its next update.
pub(crate) struct State {
    pub(crate) table: GpuEmbedding,
    pub(crate) pending: Pending,
    /// One float, for [`Tracked::new`](crate::tracked::Tracked::new).
    pub(crate) stand_in: LazyFloat,
}
