//! The operator contract. Operators are synchronous; a chain of them runs on one thread, and each
//! hands its output to the next through [`Output`].

use std::sync::Arc;

use arrow_array::{RecordBatch, UInt32Array};
use arrow_schema::SchemaRef;
use tidegate_core::{Clock, Result};

use crate::batch::Batch;

/// What an operator may know besides its input.
#[derive(Clone)]
pub struct OperatorContext {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Index of this task among the operator's tasks.
    pub task: u32,
    /// Number of tasks.
    pub tasks: u32,
    /// Counters of the operator.
    pub metrics: Arc<crate::metrics::OperatorMetrics>,
}

/// Where an operator's results go.
pub trait Output {
    /// Rows, in order.
    ///
    /// # Errors
    /// Whatever the operators behind it raise: pass it on.
    fn emit(&mut self, batch: Batch) -> Result<()>;

    /// A row that could not be computed or placed. Depending on the job's policy this returns an
    /// error (stop), or takes the row to the dead-letter table, or counts it; in the last two cases
    /// the operator goes on without the row.
    ///
    /// # Errors
    /// Where the policy is to stop.
    fn bad_row(&mut self, row: BadRow) -> Result<()>;
}

/// A row that could not be computed or placed in time.
#[derive(Debug, Clone)]
pub struct BadRow {
    /// Where it came from, if still known: origin and row index in it.
    pub origin: Option<(crate::batch::Origin, usize)>,
    /// What is wrong, with the expression or column named.
    pub reason: String,
    /// The class of problem, for counters: `decode`, `cast`, `null-time`, `null-key`, `expression`.
    pub class: &'static str,
}

/// An operator instance of one task. One thread calls it at a time.
///
/// Order of calls: `restore` (any number of times) → then any mix of `process`, `watermark`, `tick`
/// → at a barrier `flush`, then `snapshot` → … → at the end of bounded input `watermark(i64::MAX)`,
/// `flush`, `snapshot`. A crash may fall between any two; everything since the last snapshot that was
/// decided is replayed from the sources.
pub trait Operator: Send {
    /// Rows of one input.
    ///
    /// # Errors
    /// Stops the job.
    fn process(&mut self, input: usize, batch: Batch, out: &mut dyn Output) -> Result<()>;

    /// Some rows of a batch, in its order: like `process` of those rows alone. Only where
    /// [`Operator::takes_selected`] says so.
    ///
    /// # Errors
    /// Stops the job.
    fn process_selected(&mut self, input: usize, batch: Batch, rows: &UInt32Array, out: &mut dyn Output) -> Result<()> {
        self.process(input, batch.take(rows)?, out)
    }

    /// Whether the operator reads the rows it wants where they lie, which spares a copy of them.
    fn takes_selected(&self) -> bool {
        false
    }

    /// No row with an event time (ms) at or below `watermark` will be considered in time any more;
    /// already the minimum over all inputs and never falling. `i64::MAX`: the input has ended.
    ///
    /// # Errors
    /// Stops the job.
    fn watermark(&mut self, watermark: i64, out: &mut dyn Output) -> Result<()> {
        let _ = (watermark, out);
        Ok(())
    }

    /// Called now and then (every few ms while idle, at least every 100 ms): processing-time windows
    /// and held-back changes.
    ///
    /// # Errors
    /// Stops the job.
    fn tick(&mut self, now_ms: i64, out: &mut dyn Output) -> Result<()> {
        let _ = (now_ms, out);
        Ok(())
    }

    /// Emits everything that is held back (mini-batch); called before a barrier and at the end.
    ///
    /// # Errors
    /// Stops the job.
    fn flush(&mut self, out: &mut dyn Output) -> Result<()> {
        let _ = out;
        Ok(())
    }

    /// How the operator's state is laid out, or `None` for a stateless one.
    fn state(&self) -> Option<StateLayout> {
        None
    }

    /// The entries that changed since the last snapshot, in [`StateLayout::schema`]; removed entries
    /// have `__deleted` set. Must be cheap in proportion to what changed.
    ///
    /// # Errors
    /// Stops the job.
    fn snapshot(&mut self) -> Result<Vec<RecordBatch>> {
        Ok(Vec::new())
    }

    /// Entries to load, oldest first: a later entry of the same key replaces an earlier one. The
    /// caller has already left out entries that belong to other tasks.
    ///
    /// # Errors
    /// Where the entries do not fit the layout.
    fn restore(&mut self, entries: &RecordBatch) -> Result<()> {
        let _ = entries;
        Ok(())
    }
}

/// How state is persisted.
#[derive(Debug, Clone)]
pub struct StateLayout {
    /// Columns of an entry; the last is BOOLEAN `__deleted`. Entries with equal key columns
    /// (`key_columns`) replace each other.
    pub schema: SchemaRef,
    /// Positions of the columns that identify an entry.
    pub key_columns: Vec<usize>,
    /// Positions of the columns, a subset of the key, whose [`crate::hash`] decides the task that
    /// owns it: the same columns the exchange in front hashes, in the same order. Empty: task 0.
    pub partition_columns: Vec<usize>,
}
