//! Counters that operators and tasks keep, shared with progress lines and the metrics page.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use parking_lot::Mutex;

pub mod progress;
pub mod render;

pub use progress::{InsertProgress, OperatorProgress, Progress, SourceProgress, SplitProgress};
pub use render::render;

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

/// What one task has put into a gauge that all tasks of an operator share.
#[derive(Debug, Default)]
pub struct Share(u64);

impl Share {
    /// Sets this task's part: the gauge changes by what has changed.
    pub fn set(&mut self, gauge: &AtomicU64, n: usize) {
        OperatorMetrics::add(gauge, (n as u64).wrapping_sub(self.0));
        self.0 = n as u64;
    }
}

/// Counters of one split.
#[derive(Debug)]
pub struct SplitMetrics {
    /// Its id in the source.
    pub id: String,
    /// Records read since the start.
    pub records: AtomicU64,
    /// Bytes read since the start.
    pub bytes: AtomicU64,
    /// Records known to be there and not yet read; -1 where unknown.
    pub behind: AtomicI64,
    /// Its own watermark, `i64::MIN` for none.
    pub watermark: AtomicI64,
    /// Whether it has come to its end.
    pub ended: AtomicBool,
    /// Where reading goes on.
    pub position: Mutex<String>,
}

impl SplitMetrics {
    /// Of a split that stands at a position.
    pub fn new(id: &str, position: &str) -> Self {
        SplitMetrics {
            id: id.to_owned(),
            records: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            behind: AtomicI64::new(-1),
            watermark: AtomicI64::new(i64::MIN),
            ended: AtomicBool::new(false),
            position: Mutex::new(position.to_owned()),
        }
    }
}

/// Counters of one source table.
pub struct SourceMetrics {
    /// The table.
    pub table: String,
    /// Its splits.
    pub splits: Mutex<Vec<Arc<SplitMetrics>>>,
    /// The watermark, where the table has event time.
    pub watermarks: Option<Arc<crate::exec::watermarks::Watermarks>>,
    /// The counters of its scan.
    pub scan: Arc<OperatorMetrics>,
}

/// Counters of one INSERT.
#[derive(Debug)]
pub struct InsertMetrics {
    /// Its number in the file, from 1.
    pub number: usize,
    /// The target table.
    pub table: String,
    /// The sink's id in the store.
    pub sink: String,
    /// Rows that reached the sink.
    pub rows_in: AtomicU64,
}

/// All counters of a job.
pub struct JobMetrics {
    /// By plan node: what it is, and its counters.
    pub operators: Vec<(String, Arc<OperatorMetrics>)>,
    /// The source tables.
    pub sources: Mutex<Vec<Arc<SourceMetrics>>>,
    /// The INSERTs in order.
    pub inserts: Vec<Arc<InsertMetrics>>,
    /// Bad rows that went to the dead-letter table.
    pub dead_letters: AtomicU64,
    /// Bad rows that were only counted.
    pub ignored: AtomicU64,
}
