//! The types that the execution half hands to the store and gets back from it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::decision::LaneKey;
use super::header::{JobHeader, SavedPosition, SplitKey};
use super::recovered::StateReader;
use super::reference::{RowsRef, StateRef};

/// How to open a state directory.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// The directory; made where it does not exist.
    pub dir: PathBuf,
    /// The job's name: part of every fence.
    pub job: String,
    /// The job as planned now.
    pub header: JobHeader,
    /// `--fresh-state`: forget source positions and operator state, take a new run id. What has been
    /// decided for a sink is still applied.
    pub fresh_state: bool,
    /// `--allow-dropped-state`: operators that are gone or have changed lose their state.
    pub allow_dropped_state: bool,
    /// `--adopt`: take over targets that carry a foreign fence.
    pub adopt: bool,
    /// `--reset-fence`: make missing fences anew.
    pub reset_fence: bool,
    /// `--drop-pending`: forget decided rows of sinks that are no longer in the job.
    pub drop_pending: bool,
    /// `tidegate.log-retention`: how long applied ranges are kept.
    pub retention: Duration,
    /// Decided but unapplied bytes at which sources pause.
    pub pending_limit_bytes: u64,
}

/// What an epoch leaves behind, handed over once all of its tasks have passed the barrier.
#[derive(Debug, Clone, Default)]
pub struct EpochContents {
    /// Consecutive, from 0. Epoch 0 holds the resolved start positions and usually no rows.
    pub epoch: u64,
    /// Where every split goes on, all of them each time.
    pub positions: BTreeMap<SplitKey, SavedPosition>,
    /// The watermark of every split that has one, all of them each time.
    pub watermarks: BTreeMap<SplitKey, i64>,
    /// (sink, lane, task, references in append order). A lane's rows of the epoch are these in
    /// order of their place in the log.
    pub rows: Vec<(String, u32, u32, Vec<RowsRef>)>,
    /// (operator, task, references in append order).
    pub state: Vec<(String, u32, Vec<StateRef>)>,
    /// The end of all input has been reached and is in this epoch.
    pub final_: bool,
    /// Rejected rows (see [`super::Store::rejects`]) that this epoch's dead-letter rows contain.
    pub dead_letters: Vec<RejectKey>,
}

/// The receipt of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The epoch, now durable.
    pub epoch: u64,
    /// The digest of everything decided so far.
    pub digest: u64,
    /// Rows decided for all sinks in this epoch.
    pub rows: u64,
    /// Bytes of those rows in the log.
    pub bytes: u64,
    /// Wall clock of the decision, ms.
    pub at_millis: i64,
}

/// A row that a target refused after it had been decided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RejectKey {
    /// The sink that refused it.
    pub sink: String,
    /// Its lane.
    pub lane: u32,
    /// Its position in the lane.
    pub position: u64,
}

impl RejectKey {
    /// A row of a lane.
    pub fn of(lane: &LaneKey, position: u64) -> Self {
        RejectKey { sink: lane.sink.clone(), lane: lane.lane, position }
    }
}

impl std::fmt::Display for RejectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "sink {} lane {} position {}", self.sink, self.lane, self.position)
    }
}

/// A refused row on its way to the dead-letter sink.
#[derive(Debug, Clone)]
pub struct Reject {
    /// Which row.
    pub key: RejectKey,
    /// What the target said.
    pub reason: String,
    /// The row, as it was decided.
    pub row: tidegate_core::ChangeBatch,
}

/// What a directory remembers. `epoch` is `None` for a new one.
pub struct Recovered {
    /// The last decided epoch.
    pub epoch: Option<u64>,
    /// Where each split goes on. A split that is not in here starts as the job says.
    pub positions: BTreeMap<SplitKey, SavedPosition>,
    /// The watermark of each split.
    pub watermarks: BTreeMap<SplitKey, i64>,
    /// Per operator: base, then deltas, in order. Operators without an entry start empty.
    pub state: BTreeMap<String, StateReader>,
    /// The end of input has been decided: nothing is left to read, only to apply.
    pub finished: bool,
    /// Sinks the directory has not seen before: they start with empty state at the current
    /// positions (empty for a new directory).
    pub new_sinks: Vec<String>,
    /// Sinks that are no longer in the job; drained by the committers before the job starts.
    pub removed_sinks: Vec<String>,
    /// Operators whose state was dropped, by `--allow-dropped-state` or `--fresh-state`.
    pub dropped_operators: Vec<String>,
    /// The number of lanes of each sink: what the store was first given.
    pub lanes: BTreeMap<String, u32>,
    /// Things a person should know (log lines at start).
    pub notes: Vec<String>,
}
