//! The store of a job: its durable log, decisions and state.

pub mod api;
pub mod frame;
pub mod header;
mod health;
mod ipc;
mod recovered;
pub mod reference;
mod segment;
pub mod storage;

use std::sync::Arc;

use arrow_array::RecordBatch;
use tidegate_core::{ChangeBatch, Clock, Error, Result};

pub use api::{Decided, EpochContents, OpenOptions, Recovered, Reject, RejectKey};
pub use header::{JobHeader, OperatorInfo, SavedPosition, SinkInfo, SplitKey};
pub use recovered::StateReader;
pub use reference::{Reference, RowsRef, StateRef};
pub use storage::{FsStorage, Storage};

/// Source positions by split.
pub type Positions = std::collections::BTreeMap<SplitKey, SavedPosition>;

/// An open state directory.
pub struct Store {
    appender: Appender,
}

/// Appends to the open epoch. Cheap to clone, usable from any thread, never waits for the disk.
#[derive(Clone)]
pub struct Appender {}

impl Store {
    /// Opens or makes a state directory.
    ///
    /// # Errors
    /// In use by another process, damaged, or of another job.
    pub fn open(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>, options: OpenOptions) -> Result<(Store, Recovered)> {
        let _ = (storage, clock, options);
        Err(Error::internal("being written"))
    }
    /// Appends to the open epoch.
    pub fn appender(&self) -> Appender {
        self.appender.clone()
    }
    /// Makes an epoch durable in one atomic step. Await it before starting the next; appends for
    /// the next epoch may go on meanwhile.
    ///
    /// # Errors
    /// Of the disk: the store has failed then and the process must stop.
    pub async fn decide(&self, epoch: EpochContents) -> Result<Decided> {
        let _ = epoch;
        Err(Error::internal("being written"))
    }
    /// Decided bytes that have not been applied.
    pub fn pending_bytes(&self) -> u64 {
        0
    }
    /// Whether sources have to pause before the next epoch ([`OpenOptions::pending_limit_bytes`]).
    pub fn over_pending_limit(&self) -> bool {
        false
    }
    /// Bytes appended since the last decision, for the early barrier.
    pub fn open_epoch_bytes(&self) -> u64 {
        0
    }
    /// The source positions that a recent epoch decided, to tell sources once it is applied
    /// everywhere. `None` for epochs older than the last one that was applied everywhere.
    pub fn positions_at(&self, epoch: u64) -> Option<Arc<Positions>> {
        let _ = epoch;
        None
    }
    /// Rows that targets refused and that no epoch has taken yet. Put them into the dead-letter sink
    /// of the next epoch and name them in [`EpochContents::dead_letters`].
    ///
    /// # Errors
    /// Where the rows cannot be read.
    pub fn rejects(&self) -> Result<Vec<Reject>> {
        Err(Error::internal("being written"))
    }
}

impl Appender {
    /// Appends rows for a lane of a sink.
    ///
    /// # Errors
    /// Of the disk: the store has failed then and the process must stop.
    pub fn rows(&self, sink: &str, lane: u32, task: u32, batch: &ChangeBatch) -> Result<RowsRef> {
        let _ = (sink, lane, task, batch);
        Err(Error::internal("being written"))
    }
    /// Appends a state delta: the operator's schema plus a last column `__deleted` BOOLEAN.
    ///
    /// # Errors
    /// As for [`Appender::rows`].
    pub fn state(&self, operator: &str, task: u32, batch: &RecordBatch) -> Result<StateRef> {
        let _ = (operator, task, batch);
        Err(Error::internal("being written"))
    }
}
