//! Reading an operator's state back: base, then deltas, one batch at a time.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use tidegate_core::Result;

use super::reference::StateRef;
use super::segment::read_state;
use super::storage::Storage;

/// The batches of one operator in the order in which they have to be put in. Each carries the
/// trailing `__deleted` column. Reads lazily.
pub struct StateReader {
    storage: Arc<dyn Storage>,
    dir: PathBuf,
    refs: VecDeque<StateRef>,
}

impl StateReader {
    pub(super) fn new(storage: Arc<dyn Storage>, dir: PathBuf, refs: impl IntoIterator<Item = StateRef>) -> Self {
        StateReader { storage, dir, refs: refs.into_iter().collect() }
    }
    /// Entries still to come, tombstones and overwritten ones included.
    pub fn rows(&self) -> u64 {
        self.refs.iter().map(|r| r.rows).sum()
    }
}

impl Iterator for StateReader {
    type Item = Result<RecordBatch>;
    fn next(&mut self) -> Option<Self::Item> {
        let next = self.refs.pop_front()?;
        Some(read_state(&*self.storage, &self.dir, &next))
    }
}
