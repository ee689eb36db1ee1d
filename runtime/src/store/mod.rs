//! The store of a job: its durable log, decisions and state. The first half of exactly once.
//!
//! ```text
//! tasks ── Appender::rows, ::state ──> segments (checksummed frames, not yet durable)
//!                                          │
//! barrier ── Store::decide ────────────────┤ 1. fsync segments   2. append decision   3. fsync it
//!                                          ▼
//!                                       journal ──> crate::commit applies decided rows at the targets
//! ```
//!
//! Where to find a step:
//! - opening, the incarnation, sweeping what is undecided: `open`, [`reconcile`]
//! - appending: [`segment`]; frames: [`frame`]; batches as bytes: `ipc`
//! - the decision: `inner` (order of steps), [`planning`] (contents), [`journal`] (the write)
//! - what a directory knows: [`ledger`], the replay of [`decision::Record`]s
//! - folding state: [`fold`]; removing applied ranges: [`planning`] (`trims`), `inner`
//! - what committers ask for: [`lanes`]; cutting decided rows into units: [`units`]
//! - the disk, and a disk that lies: [`storage`], [`faulty`]
//!
//! A failed write or fsync ends the store: every later call fails, the process has to stop, and the
//! next opening reads what is true.

pub mod api;
mod cache;
pub mod decision;
pub mod faulty;
pub mod fold;
pub mod frame;
pub mod header;
mod health;
pub(crate) mod inner;
mod ipc;
pub mod journal;
pub mod lanes;
pub mod ledger;
mod open;
pub mod planning;
pub mod reconcile;
mod recovered;
pub mod reference;
pub mod segment;
pub mod storage;
#[cfg(test)]
pub(crate) mod tests;
mod tuning;
pub mod units;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow_array::{Array, RecordBatch};
use tidegate_core::sink::Id;
use tidegate_core::{ChangeBatch, Clock, Error, Result};
use tokio::sync::watch;

pub use api::{Decided, EpochContents, OpenOptions, Recovered, Reject, RejectKey};
pub use faulty::{Faults, FaultyStorage, storage_from_env};
pub use header::{JobHeader, OperatorInfo, SavedPosition, SinkInfo, SplitKey};
pub use recovered::StateReader;
pub use reference::{Reference, RowsRef, StateRef};
pub use storage::{FsStorage, Storage};
pub use tuning::Tuning;

use frame::Kind;
use inner::Inner;

/// Source positions by split.
pub type Positions = std::collections::BTreeMap<SplitKey, SavedPosition>;

/// An open state directory. Locked until the last clone of it and of its appenders is gone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

/// Appends to the open epoch. Cheap to clone, usable from any thread, never waits for an fsync.
#[derive(Clone)]
pub struct Appender {
    inner: Arc<Inner>,
}

impl Store {
    /// What the fences of a directory's lanes may say under a job and its flags; writes nothing.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub fn preview(
        storage: &dyn Storage,
        options: &OpenOptions,
    ) -> Result<std::collections::BTreeMap<decision::LaneKey, lanes::History>> {
        open::preview(storage, options)
    }
    /// Opens or makes a state directory.
    ///
    /// # Errors
    /// In use by another process, damaged, or of another job.
    pub fn open(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>, options: OpenOptions) -> Result<(Store, Recovered)> {
        Self::open_tuned(storage, clock, options, Tuning::from_env())
    }
    /// As [`Store::open`], with other sizes.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub fn open_tuned(
        storage: Arc<dyn Storage>,
        clock: Arc<dyn Clock>,
        options: OpenOptions,
        tuning: Tuning,
    ) -> Result<(Store, Recovered)> {
        open::open(storage, clock, options, tuning)
    }
    /// Appends to the open epoch.
    pub fn appender(&self) -> Appender {
        Appender { inner: self.inner.clone() }
    }
    /// Makes an epoch durable in one atomic step. Await it before starting the next; appends for
    /// the next epoch may go on meanwhile.
    ///
    /// # Errors
    /// Of the disk: the store has failed then and the process must stop.
    pub async fn decide(&self, epoch: EpochContents) -> Result<Decided> {
        let store = self.clone();
        tokio::task::spawn_blocking(move || store.decide_blocking(epoch))
            .await
            .map_err(|e| Error::internal(format!("the decision was interrupted: {e}")))?
    }
    /// As [`Store::decide`], on this thread.
    ///
    /// # Errors
    /// As for [`Store::decide`].
    pub fn decide_blocking(&self, epoch: EpochContents) -> Result<Decided> {
        let decided = self.inner.decide(epoch)?;
        if self.inner.tuning.background_fold && self.inner.wants_fold() {
            let inner = self.inner.clone();
            let thread = std::thread::Builder::new().name("tidegate-fold".to_owned());
            let spawned = thread.spawn(move || {
                // An error has been remembered as the store's; the next decision returns it.
                if let Err(e) = inner.fold_once(inner.tuning.fold) {
                    tracing::error!("folding state: {e}");
                    inner.health.fail(e);
                }
            });
            if let Err(e) = spawned {
                tracing::warn!("no thread to fold state on: {e}");
            }
        }
        Ok(decided)
    }
    /// Folds the operator that most needs it, if any does; `true` where a swap waits for the next
    /// decision.
    ///
    /// # Errors
    /// Of the disk: the store has failed then.
    pub fn fold_now(&self) -> Result<bool> {
        self.inner.fold_once(self.inner.tuning.fold)
    }
    /// Decided bytes that are not known to be applied.
    pub fn pending_bytes(&self) -> u64 {
        self.inner.pending.lock().total()
    }
    /// Whether sources have to pause before the next epoch ([`OpenOptions::pending_limit_bytes`]).
    pub fn over_pending_limit(&self) -> bool {
        self.pending_bytes() > self.inner.pending_limit
    }
    /// Bytes appended since the last decision.
    pub fn open_epoch_bytes(&self) -> u64 {
        self.inner.log.appended().saturating_sub(self.inner.decided_bytes.load(Ordering::Relaxed))
    }
    /// Whether the open epoch should end now: it has appended so many bytes, or rows that would soon
    /// not fit into memory beside those of the epoch before, and would have to be read back.
    pub fn epoch_is_large(&self, bytes: u64) -> bool {
        self.open_epoch_bytes() >= bytes
            || self.inner.open_rows.load(Ordering::Relaxed) >= self.inner.tuning.cache_bytes / 2
    }
    /// The source positions that an epoch of this process decided, to tell sources once it is
    /// applied everywhere. Forgets those of earlier epochs.
    pub fn positions_at(&self, epoch: u64) -> Option<Arc<Positions>> {
        let mut recent = self.inner.recent_positions.lock();
        while recent.front().is_some_and(|(e, _)| *e < epoch) {
            recent.pop_front();
        }
        recent.front().filter(|(e, _)| *e == epoch).map(|(_, p)| p.clone())
    }
    /// The last decided epoch, and each one after it.
    pub fn decided(&self) -> watch::Receiver<Option<u64>> {
        self.inner.decided.subscribe()
    }
    /// The run and the incarnation, for messages.
    pub fn identity(&self) -> (Id, Id) {
        let ledger = self.inner.ledger.read();
        (ledger.run.clone(), ledger.incarnation.clone())
    }
    /// Wall clock, ms.
    pub fn now_millis(&self) -> i64 {
        self.inner.clock.now_millis()
    }
    /// The error after which nothing works any more.
    pub fn failure(&self) -> Option<Error> {
        self.inner.health.failure().cloned()
    }
    /// How many rows targets refused that no epoch has taken yet.
    pub fn rejects_waiting(&self) -> usize {
        self.inner.ledger.read().rejects.iter().filter(|r| !r.taken).count()
    }
    /// Rows that targets refused and that no epoch has taken yet. Put them into the dead-letter sink
    /// of the next epoch and name them in [`EpochContents::dead_letters`].
    ///
    /// # Errors
    /// Where the rows cannot be read.
    pub fn rejects(&self) -> Result<Vec<Reject>> {
        let open: Vec<decision::RejectEntry> =
            self.inner.ledger.read().rejects.iter().filter(|r| !r.taken).cloned().collect();
        open.into_iter()
            .map(|r| {
                let rows = segment::read_sink_rows(&*self.inner.storage, &self.inner.dir, &r.at)?;
                Ok(Reject { key: r.key, reason: r.reason, row: rows.slice(r.index as usize, 1) })
            })
            .collect()
    }
}

impl Appender {
    /// Appends rows for a lane of a sink.
    ///
    /// # Errors
    /// Of the disk: the store has failed then and the process must stop.
    pub fn rows(&self, sink: &str, lane: u32, task: u32, batch: &ChangeBatch) -> Result<RowsRef> {
        let (frame, checksum) =
            ipc::rows_frame(batch).map_err(|e| e.context(format!("sink {sink} lane {lane} task {task}")))?;
        let at = self.inner.log.append(&frame, checksum)?;
        let reference = RowsRef { at, rows: batch.len() as u64, bytes: memory_of(&batch.rows) };
        self.inner.cache.put(&reference, batch);
        self.inner.open_rows.fetch_add(reference.bytes, Ordering::Relaxed);
        Ok(reference)
    }
    /// Appends a state delta: the operator's schema plus a last column `__deleted` BOOLEAN.
    ///
    /// # Errors
    /// As for [`Appender::rows`].
    pub fn state(&self, operator: &str, task: u32, batch: &RecordBatch) -> Result<StateRef> {
        let is_marked = batch.schema().fields().last().is_some_and(|f| f.name() == "__deleted");
        if !is_marked {
            return Err(Error::internal(format!("state of {operator} (task {task}) lacks the last column __deleted")));
        }
        let (frame, checksum) =
            ipc::frame(Kind::State, batch).map_err(|e| e.context(format!("state of {operator} task {task}")))?;
        let at = self.inner.log.append(&frame, checksum)?;
        Ok(StateRef { at, rows: batch.num_rows() as u64 })
    }
}

/// Bytes of the rows themselves, not of the buffers they are a slice of.
fn memory_of(batch: &RecordBatch) -> u64 {
    batch.columns().iter().map(|c| c.to_data().get_slice_memory_size().unwrap_or(0) as u64).sum()
}
