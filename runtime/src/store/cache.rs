//! Rows between their append and their apply, as far as they fit: most of the time a committer
//! never has to read the log back.

use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::Mutex;
use tidegate_core::ChangeBatch;

use super::reference::{Reference, RowsRef};

/// A bounded map from references to rows. What does not fit is read from the log instead.
pub struct RowCache {
    limit: u64,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    bytes: u64,
    rows: HashMap<Reference, Arc<ChangeBatch>>,
}

impl RowCache {
    /// Holds up to about so many bytes.
    pub fn new(limit: u64) -> Self {
        RowCache { limit, inner: Mutex::default() }
    }
    /// Keeps rows, if there is room.
    pub fn put(&self, at: &RowsRef, rows: &ChangeBatch) {
        let mut inner = self.inner.lock();
        if inner.bytes + at.bytes <= self.limit {
            inner.bytes += at.bytes;
            inner.rows.insert(at.at.clone(), Arc::new(rows.clone()));
        }
    }
    /// The rows, if they were kept.
    pub fn get(&self, at: &RowsRef) -> Option<Arc<ChangeBatch>> {
        self.inner.lock().rows.get(&at.at).cloned()
    }
    /// Lets go of rows that have been applied.
    pub fn drop_rows(&self, at: &RowsRef) {
        let mut inner = self.inner.lock();
        if inner.rows.remove(&at.at).is_some() {
            inner.bytes = inner.bytes.saturating_sub(at.bytes);
        }
    }
}
