//! What the parts of an open store share, and the decision itself.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use tidegate_core::{Clock, Error, Result};
use tokio::sync::watch;

use super::api::{Decided, EpochContents};
use super::cache::RowCache;
use super::decision::{Decision, LaneKey, Mark, Record, Swap};
use super::fold::{self, FoldPolicy};
use super::health::Health;
use super::journal::{Journal, Steps};
use super::ledger::Ledger;
use super::planning::{Surroundings, plan};
use super::segment::SegmentLog;
use super::storage::{DirectoryLock, Storage};
use super::{Positions, Tuning};
use tidegate_core::failpoint;

/// Decisions after which a closed segment holds nothing of an open epoch any more. At most two
/// epochs are open at once: the one being decided and the one after it.
const OPEN_EPOCHS: u64 = 3;
/// Epochs whose positions are remembered while no sink has applied them.
const RECENT_EPOCHS: usize = 4096;

pub(super) struct Inner {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) dir: PathBuf,
    pub(super) job: String,
    pub(super) retention_millis: i64,
    pub(super) pending_limit: u64,
    pub(super) cache: RowCache,
    pub(super) tuning: Tuning,
    pub(super) health: Arc<Health>,
    pub(super) log: SegmentLog,
    pub(super) journal: Mutex<Journal>,
    pub(super) ledger: Arc<RwLock<Ledger>>,
    pub(super) applied: Mutex<BTreeMap<LaneKey, Mark>>,
    pub(super) pending: Mutex<Pending>,
    pub(super) recent_positions: Mutex<VecDeque<(u64, Arc<Positions>)>>,
    /// Bytes of the log that decisions of this incarnation refer to.
    pub(super) decided_bytes: AtomicU64,
    /// Bytes in memory of the rows that the open epochs have appended.
    pub(super) open_rows: AtomicU64,
    /// Files that may be removed once nothing refers to them, and the decision from which on.
    pub(super) files: Mutex<BTreeMap<String, u64>>,
    pub(super) fold: Mutex<Folds>,
    pub(super) decided: watch::Sender<Option<u64>>,
    pub(super) _lock: Box<dyn DirectoryLock>,
}

#[derive(Default)]
pub(super) struct Folds {
    number: u64,
    ready: Option<Swap>,
    running: bool,
}

/// Decided bytes that are not known to be applied.
pub(super) struct Pending {
    total: u64,
    lanes: BTreeMap<LaneKey, VecDeque<(u64, u64)>>,
}

impl Pending {
    pub(super) fn of(ledger: &Ledger) -> Self {
        let mut pending = Pending { total: 0, lanes: BTreeMap::new() };
        for (key, lane) in ledger.lanes() {
            for range in lane.ranges.iter().filter(|r| r.to > lane.applied.position) {
                pending.add(&key, range.to, range.bytes());
            }
        }
        pending
    }
    fn add(&mut self, key: &LaneKey, to: u64, bytes: u64) {
        self.total += bytes;
        self.lanes.entry(key.clone()).or_default().push_back((to, bytes));
    }
    pub(super) fn applied(&mut self, key: &LaneKey, position: u64) {
        let Some(ranges) = self.lanes.get_mut(key) else { return };
        while ranges.front().is_some_and(|(to, _)| *to <= position) {
            self.total -= ranges.pop_front().map_or(0, |(_, bytes)| bytes);
        }
    }
    pub(super) fn total(&self) -> u64 {
        self.total
    }
}

impl Inner {
    /// Makes an epoch durable:
    /// 1. the log (files, then directory entries),
    /// 2. the decision, one frame appended to the journal,
    /// 3. its fsync: from here on the epoch is decided, whatever happens;
    ///
    /// then memory follows, committers are woken, and what has become garbage is removed.
    pub(super) fn decide(&self, contents: EpochContents) -> Result<Decided> {
        self.health.check()?;
        failpoint::hit("decide.before_data_fsync");
        self.log.sync()?;
        failpoint::hit("decide.after_data_fsync");
        let positions = Arc::new(contents.positions.clone());
        let mut journal = self.journal.lock();
        let decision = self.plan(contents)?;
        let swaps = !decision.swaps.is_empty();
        if swaps {
            failpoint::hit("fold.before_swap");
        }
        let receipt = receipt(&decision);
        let bases: Vec<String> =
            decision.swaps.iter().flat_map(|s| s.base.first()).map(|r| r.at.file.clone()).collect();
        self.note_pending(&decision);
        let steps = Steps {
            before_write: || failpoint::hit("decide.before_write"),
            after_write: || failpoint::hit("decide.after_write"),
            after_sync: || failpoint::hit("decide.after_fsync"),
        };
        journal.commit_through(Record::Decided(Box::new(decision)), &steps)?;
        drop(journal);
        if swaps {
            failpoint::hit("fold.after_swap");
        }
        self.remember_positions(receipt.epoch, positions);
        self.decided.send_replace(Some(receipt.epoch));
        self.remove_garbage(receipt.epoch, bases);
        Ok(receipt)
    }

    fn plan(&self, contents: EpochContents) -> Result<Decision> {
        let ledger = self.ledger.read();
        // What targets refuse of the final epoch still becomes dead letters, and those are rows.
        let only_letters = contents.rows.is_empty() || !contents.dead_letters.is_empty();
        if ledger.finished && !(only_letters && contents.state.is_empty()) {
            return Err(Error::internal("the final epoch has been decided: no more rows can be"));
        }
        let swaps: Vec<Swap> =
            self.fold.lock().ready.take().into_iter().filter(|s| ledger.state.contains_key(&s.operator)).collect();
        let around = Surroundings {
            applied: self.applied.lock().clone(),
            swaps,
            now_millis: self.clock.now_millis(),
            retention_millis: self.retention_millis,
            limits: self.tuning.unit_limits,
        };
        plan(&ledger, contents, around)
    }

    fn note_pending(&self, decision: &Decision) {
        let mut pending = self.pending.lock();
        let (mut bytes, mut rows) = (0, 0);
        for lane in &decision.lanes {
            let lane_bytes = lane.rows.iter().map(|r| r.at.length).sum();
            pending.add(&lane.key, lane.to, lane_bytes);
            bytes += lane_bytes;
            rows += lane.rows.iter().map(|r| r.bytes).sum::<u64>();
        }
        bytes += decision.state.iter().flat_map(|(_, refs)| refs).map(|r| r.at.length).sum::<u64>();
        self.decided_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.open_rows.fetch_sub(rows, Ordering::Relaxed);
    }

    fn remember_positions(&self, epoch: u64, positions: Arc<Positions>) {
        let mut recent = self.recent_positions.lock();
        recent.push_back((epoch, positions));
        if recent.len() > RECENT_EPOCHS {
            recent.pop_front();
        }
    }

    /// Removes closed files that nothing refers to. Their last reference went with a decision that
    /// is durable now. A file that cannot be removed is tried again later: it only costs space.
    fn remove_garbage(&self, epoch: u64, bases: Vec<String>) {
        let mut files = self.files.lock();
        files.extend(self.log.take_closed().into_iter().map(|f| (f, epoch + OPEN_EPOCHS)));
        files.extend(bases.into_iter().map(|f| (f, 0)));
        let ledger = self.ledger.read();
        let garbage: Vec<String> =
            files.iter().filter(|(f, from)| **from <= epoch && !ledger.is_live(f)).map(|(f, _)| f.clone()).collect();
        drop(ledger);
        for name in garbage {
            failpoint::hit("trim.before_remove");
            match self.storage.remove(&self.dir.join(&name)) {
                Ok(()) => {
                    files.remove(&name);
                }
                Err(e) => tracing::warn!("{name} cannot be removed from the state directory: {e}"),
            }
        }
    }

    /// Appends a record that is not a decision.
    pub(super) fn record(&self, record: Record) -> Result<()> {
        self.health.check()?;
        self.journal.lock().commit(record)
    }

    /// Folds the operator that most needs it, here and now. Its swap waits for the next decision.
    pub(super) fn fold_once(&self, policy: FoldPolicy) -> Result<bool> {
        let number = {
            let mut folds = self.fold.lock();
            if folds.running || folds.ready.is_some() {
                return Ok(false);
            }
            folds.running = true;
            folds.number += 1;
            folds.number
        };
        let job = fold::next(&self.ledger.read(), policy);
        let result = job.map(|job| fold::fold(&self.fold_place(number), &job)).transpose();
        let mut folds = self.fold.lock();
        folds.running = false;
        folds.ready = result?;
        Ok(folds.ready.is_some())
    }

    fn fold_place(&self, number: u64) -> fold::Place {
        fold::Place {
            storage: self.storage.clone(),
            dir: self.dir.clone(),
            incarnation: self.ledger.read().incarnation.clone(),
            number,
            health: self.health.clone(),
        }
    }

    /// Whether a fold would have something to do.
    pub(super) fn wants_fold(&self) -> bool {
        let folds = self.fold.lock();
        !folds.running && folds.ready.is_none() && fold::next(&self.ledger.read(), self.tuning.fold).is_some()
    }
}

fn receipt(d: &Decision) -> Decided {
    Decided {
        epoch: d.epoch,
        digest: d.digest,
        rows: d.lanes.iter().map(|l| l.to - l.from).sum(),
        bytes: d.lanes.iter().flat_map(|l| &l.rows).map(|r| r.at.length).sum(),
        at_millis: d.at_millis,
    }
}
