//! What the journal records. Each record is one JSON document in one checksummed frame; the store's
//! memory ([`super::ledger::Ledger`]) is the result of replaying them.

use serde::{Deserialize, Serialize};

use super::api::RejectKey;
use super::header::{SavedPosition, SplitKey};
use super::ledger::Ledger;
use super::reference::{RowsRef, StateRef};

/// The version of everything persisted. A directory of a newer version is refused.
pub const FORMAT: u32 = 1;

/// One atomic step of the store.
#[derive(Debug, Serialize, Deserialize)]
pub enum Record {
    /// The whole ledger: the first record of every journal file.
    Snapshot(Box<Ledger>),
    /// An epoch has been decided.
    Decided(Box<Decision>),
    /// The target's fence carries this incarnation.
    Claimed(Claimed),
    /// The target refuses these rows; they are left out of what is applied.
    Rejected(Vec<RejectEntry>),
    /// The range of a unit that must not be cut again, before its first send, and its committable
    /// once there is one.
    Prepared(Prepared),
    /// A prepared unit has been thrown away at the target.
    Aborted(LaneKey),
    /// Positions known to be applied, where no decision carries them (at shutdown).
    Applied(Vec<AppliedMark>),
    /// A removed sink has been drained and its fences are gone.
    Retired(String),
}

/// A lane of a sink.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LaneKey {
    /// The sink's id.
    pub sink: String,
    /// The lane.
    pub lane: u32,
}

/// A place in a lane's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Rows before it.
    pub position: u64,
    /// The newest epoch all of whose rows lie before it.
    pub epoch: u64,
    /// The digest of that epoch's decision; inside the rows of the next epoch, mixed with that one's.
    pub digest: u64,
}

impl Mark {
    /// The mark at a position after this one and before `next`, the end of the next epoch's rows. Its
    /// digest depends on both: two copies of a directory share the past, not the rows they are in.
    #[must_use]
    pub fn within(self, next: Mark, position: u64) -> Mark {
        let digest = xxhash_rust::xxh3::xxh3_64_with_seed(&next.digest.to_le_bytes(), self.digest);
        Mark { position, epoch: self.epoch, digest }
    }
}

/// Decision N: the end of an epoch, as one record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Decision {
    /// N.
    pub epoch: u64,
    /// Wall clock, ms.
    pub at_millis: i64,
    /// Where every split goes on.
    pub positions: Vec<(SplitKey, SavedPosition)>,
    /// The watermark of every split that has one.
    pub watermarks: Vec<(SplitKey, i64)>,
    /// The lanes that got rows.
    pub lanes: Vec<LaneDecision>,
    /// The operators that changed, with their deltas in order.
    pub state: Vec<(String, Vec<StateRef>)>,
    /// Snapshots that replace older state.
    pub swaps: Vec<Swap>,
    /// Positions known to be applied.
    pub applied: Vec<AppliedMark>,
    /// Ranges up to these positions are forgotten.
    pub trimmed: Vec<(LaneKey, u64)>,
    /// Rejected rows that are among this epoch's dead letters.
    pub taken: Vec<RejectKey>,
    /// The end of all input is in this epoch.
    pub last: bool,
    /// Over this record and the digest before it.
    pub digest: u64,
}

/// A lane's rows of one epoch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LaneDecision {
    /// Which lane.
    pub key: LaneKey,
    /// Position of the first row.
    pub from: u64,
    /// One past the last.
    pub to: u64,
    /// The rows, in order.
    pub rows: Vec<RowsRef>,
    /// Where apply units end and their versions; the last ends at `to`.
    pub units: Vec<(u64, i64)>,
}

/// A folded snapshot of an operator.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Swap {
    /// The operator.
    pub operator: String,
    /// It replaces the base and the deltas up to and including this epoch.
    pub upto: u64,
    /// The snapshot.
    pub base: Vec<StateRef>,
}

/// How far a lane is known to be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedMark {
    /// Which lane.
    pub key: LaneKey,
    /// How far.
    pub mark: Mark,
}

/// A claim that has succeeded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claimed {
    /// Which lane.
    pub key: LaneKey,
    /// Names the thing written to.
    pub identity: String,
}

/// A unit whose range is fixed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// Which lane.
    pub key: LaneKey,
    /// First position.
    pub from: u64,
    /// One past the last.
    pub to: u64,
    /// What the target needs to commit it; `None`: not sent yet, as far as is known.
    pub committable: Option<String>,
}

/// A refused row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RejectEntry {
    /// Which row.
    pub key: RejectKey,
    /// What the target said.
    pub reason: String,
    /// The frame that holds it.
    pub at: RowsRef,
    /// Its index in that frame.
    pub index: u64,
    /// It needs no dead letter (any more).
    pub taken: bool,
    /// Its sink has gone: the position says nothing about a sink that comes back under the name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retired: bool,
}
