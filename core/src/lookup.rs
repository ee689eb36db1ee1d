//! Lookup (dimension) tables.

use async_trait::async_trait;

use crate::change::ChangeBatch;
use crate::error::Result;
use arrow_array::RecordBatch;

/// A table asked by key.
#[async_trait]
pub trait LookupSource: Send + Sync {
    /// The rows of each key. `keys` has the key columns in the order the source was opened with,
    /// without duplicates. The answer carries the key columns too: it is matched by key, so missing
    /// keys are simply absent and order does not matter. May be called concurrently.
    ///
    /// # Errors
    /// Where the table cannot be reached; the whole batch is asked again.
    async fn lookup(&self, keys: &RecordBatch) -> Result<RecordBatch>;

    /// The whole table, for `cache = 'ALL'`.
    ///
    /// # Errors
    /// Where the table cannot be reached or the source cannot scan.
    async fn scan(&self) -> Result<Vec<ChangeBatch>>;
}
