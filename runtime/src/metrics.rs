//! Counters that operators and tasks keep, shared with progress lines and the metrics page.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// Counters of one operator, summed over its tasks.
#[derive(Debug, Default)]
pub struct OperatorMetrics {
    /// Rows taken.
    pub rows_in: AtomicU64,
    /// Rows given.
    pub rows_out: AtomicU64,
    /// Rows that came after their window had closed.
    pub late: AtomicU64,
    /// Entries in state now.
    pub state_entries: AtomicU64,
    /// Counts by name: `cast-null:userid`, `null-key`, …, each with one sample place.
    named: Mutex<BTreeMap<String, (u64, String)>>,
}

impl OperatorMetrics {
    /// Adds to a named count; `sample` is called only for the first.
    pub fn count(&self, name: &str, n: u64, sample: impl FnOnce() -> String) {
        let mut named = self.named.lock();
        if let Some((count, _)) = named.get_mut(name) {
            *count += n;
        } else {
            named.insert(name.to_owned(), (n, sample()));
        }
    }
    /// The named counts with their samples.
    pub fn named(&self) -> BTreeMap<String, (u64, String)> {
        self.named.lock().clone()
    }
    /// Adds to a counter.
    pub fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }
}
