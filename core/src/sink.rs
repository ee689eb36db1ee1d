//! Sinks, in ascending promise. A connector implements the highest level it honestly can; the
//! runtime's log and committer lift it to exactly once (or effectively once by key).
//!
//! ```text
//! operators ── rows ──> job log ──(decision: one atomic fsynced write)──> committer ──> target
//!                                                                         FencedSink::apply
//! ```
//! Nothing reaches a sink before it has been decided, except at [`SinkLevel::Discard`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::change::ChangeBatch;
use crate::error::{Error, Result};

/// 128 random bits as 32 hex digits: names a run (a state directory's life) or an incarnation
/// (one opening of it).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Id(pub String);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whose fence: one lane of one sink of one job.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Scope {
    /// The job's name.
    pub job: String,
    /// The sink's id.
    pub sink: String,
    /// The lane.
    pub lane: u32,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.job, self.sink, self.lane)
    }
}

/// How far a lane has been applied, as the target itself remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    /// The run that wrote it.
    pub run: Id,
    /// The incarnation that owns the lane.
    pub incarnation: Id,
    /// Rows below this position have been applied.
    pub position: u64,
    /// The newest epoch all of whose rows lie below `position`.
    pub epoch: u64,
    /// The chained digest of that epoch's decision; opaque to the sink, which stores and compares it.
    pub digest: u64,
}

/// A decided, contiguous range of one lane.
#[derive(Debug, Clone)]
pub struct ApplyUnit {
    /// Whose.
    pub scope: Scope,
    /// Position of the first row. Equal to the fence's position unless the unit is a replay.
    pub from: u64,
    /// One past the last row.
    pub to: u64,
    /// What the fence becomes; `fence.position == to`.
    pub fence: Fence,
    /// A number that grows with every unit and is the same in every replay of it (external versions,
    /// cell timestamps). `version + 1` is reserved too: delete at v, put at v + 1.
    pub version: i64,
    /// The rows in order: `to - from` of them, less those that the target has refused before
    /// ([`CommitOutcome::Rejected`]). May be empty: then only the fence moves.
    pub rows: Vec<ChangeBatch>,
}

/// What became of a commit. No code path drops one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitOutcome {
    /// Applied now, fence included.
    Committed,
    /// The fence was already at or beyond the unit, with the same digest.
    AlreadyCommitted,
    /// Not applied; try again after this pause.
    RetryLater(Duration),
    /// The answer was lost: it may or may not have been applied. Read the fence, then decide.
    Unknown(String),
    /// The target refuses these rows (index among the rows of the unit, counted through its batches;
    /// reason); nothing was applied. The unit comes again without them.
    Rejected(Vec<(u64, String)>),
    /// Another incarnation owns the lane: this process has been replaced and must stop.
    Replaced(Fence),
    /// Applied rows are gone or cannot be applied any more. Stops the job.
    Lost(String),
    /// Not applied, and trying again changes nothing: somebody has to do what the error says. Stops the
    /// job, and the rows wait for it to be started again.
    Failed(Error),
}

/// Append, at least once: a replay after a crash may repeat rows.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Writes decided rows, in order, durably before it returns.
    ///
    /// # Errors
    /// Nothing or a prefix has been written; the same rows come again.
    async fn write(&self, scope: &Scope, rows: &[ChangeBatch]) -> Result<()>;
}

/// By key: replaying in order converges.
#[async_trait]
pub trait UpsertSink: Send + Sync {
    /// Applies decided changes by key, in order, durably before it returns. The same unit may come
    /// again with the same version, and units may be re-cut; in-order replay must converge.
    ///
    /// # Errors
    /// A prefix may have been applied; the same rows come again.
    async fn upsert(&self, unit: &ApplyUnit) -> Result<CommitOutcome>;
}

/// Whether a lane that holds this fence may be taken over.
pub type Admits = Arc<dyn Fn(Option<&Fence>) -> bool + Send + Sync>;

/// Rows and fence in one atomic step: exactly once.
///
/// The runtime calls, for each lane: `read_fence` (any number of times, takes nothing over), `claim_if`
/// once, then `apply` in ascending, contiguous positions, one call at a time a lane. Lanes are
/// independent. A future that is dropped (cancelled) counts as an unanswered call.
#[async_trait]
pub trait FencedSink: Send + Sync {
    /// The fence as it is, without taking it over. `None`: never claimed.
    ///
    /// # Errors
    /// Where the target cannot be reached.
    async fn read_fence(&self, scope: &Scope) -> Result<Option<Fence>>;

    /// Takes the lane over: whoever claimed before can no longer apply. Writes `fence` (own run and
    /// incarnation; position, epoch and digest as they were, or as given where there was none), after
    /// anything pending of a predecessor is settled, and returns what the target held before.
    ///
    /// A crash during `claim` leaves either owner; claiming again is safe.
    ///
    /// # Errors
    /// Where the target cannot be reached or refuses.
    async fn claim(&self, scope: &Scope, fence: &Fence) -> Result<Option<Fence>>;

    /// As `claim`, unless `admits` turns down what the target holds after anything pending is settled: then
    /// nothing is written, the owner can go on, and what is held is returned. A copy of a state directory
    /// is kept out by it while the job it was copied from applies.
    ///
    /// This default asks before it claims; what is applied in between is not seen. A sink that can asks
    /// in the step that claims.
    ///
    /// # Errors
    /// As for `claim`.
    async fn claim_if(&self, scope: &Scope, fence: &Fence, admits: Admits) -> Result<Option<Fence>> {
        let held = self.read_fence(scope).await?;
        if admits(held.as_ref()) { self.claim(scope, fence).await } else { Ok(held) }
    }

    /// Applies the rows and sets the fence, atomically, if and only if the stored fence carries
    /// `unit.fence.incarnation` and stands at `unit.from`. At or beyond `unit.to`:
    /// [`CommitOutcome::AlreadyCommitted`]. Another incarnation: [`CommitOutcome::Replaced`].
    async fn apply(&self, unit: &ApplyUnit) -> CommitOutcome;

    /// How large units should be; asked before each. `None`: the runtime's own limits. A target whose
    /// transactions may outlast a time-out asks for smaller ones when it is slow.
    fn unit_size(&self) -> Option<UnitSize> {
        None
    }

    /// Forgets the fence of a lane that was removed from the job and has been drained.
    ///
    /// # Errors
    /// Where the target cannot be reached.
    async fn retire(&self, scope: &Scope) -> Result<()>;
}

/// Limits of an apply unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitSize {
    /// Most rows.
    pub rows: u64,
    /// Most bytes, about; a single larger row is a unit of its own.
    pub bytes: u64,
}

/// For targets with a durable native prepare that outlives this process.
#[async_trait]
pub trait TwoPhaseCommitSink: Send + Sync {
    /// Makes the unit durable at the target, invisible. The committable is persisted before `commit`.
    ///
    /// # Errors
    /// Nothing is prepared, or it is aborted by `recover`.
    async fn prepare(&self, unit: &ApplyUnit) -> Result<Committable>;
    /// Makes it visible. Idempotent.
    async fn commit(&self, committable: &Committable) -> CommitOutcome;
    /// Throws it away. Idempotent.
    ///
    /// # Errors
    /// Where the target cannot be reached.
    async fn abort(&self, committable: &Committable) -> Result<()>;
    /// At start: settles what a predecessor left. `known` are the persisted committables; anything
    /// else of this scope is aborted.
    ///
    /// # Errors
    /// Where the target cannot be reached.
    async fn recover(&self, scope: &Scope, known: &[Committable]) -> Result<()>;
}

/// What a two-phase sink needs to commit later: opaque text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committable(pub String);

/// A sink at its level.
pub enum SinkLevel {
    /// Rows are counted and thrown away; they need no log.
    Discard,
    /// Append, at least once.
    Append(Box<dyn Sink>),
    /// By key.
    Upsert(Box<dyn UpsertSink>),
    /// Atomic with its own fence.
    Fenced(Box<dyn FencedSink>),
    /// Native two-phase commit.
    TwoPhase(Box<dyn TwoPhaseCommitSink>),
}

impl SinkLevel {
    /// Whether a crash can neither lose nor repeat a row at the target, whatever its keys.
    pub fn is_exactly_once(&self) -> bool {
        matches!(self, SinkLevel::Fenced(_) | SinkLevel::TwoPhase(_))
    }
    /// The promise in words, for `explain`.
    pub fn guarantee(&self) -> &'static str {
        match self {
            SinkLevel::Discard => "discarded",
            SinkLevel::Append(_) => "at least once",
            SinkLevel::Upsert(_) => "effectively once by key",
            SinkLevel::Fenced(_) | SinkLevel::TwoPhase(_) => "exactly once",
        }
    }
}

/// What the rows handed to a sink look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkInput {
    /// The table's physical columns.
    Columns,
    /// Encoded messages, see [`crate::message`]. The runtime encodes with the table's formats and
    /// chooses the partition.
    Messages {
        /// How many partitions the topic has.
        partitions: u32,
    },
}

/// An opened sink.
pub struct OpenSink {
    /// What it wants.
    pub input: SinkInput,
    /// What it promises.
    pub level: SinkLevel,
    /// Names the very thing written to (cluster, topic id, database and table): where it changes
    /// under a persisted fence, the target was made anew.
    pub identity: String,
}

/// Turns an error of a send whose fate is clear into an outcome: retriable ones ask for another try.
pub fn outcome_of(error: &Error) -> CommitOutcome {
    match error.retry_advice() {
        crate::error::Retry::Never => CommitOutcome::Failed(error.clone()),
        crate::error::Retry::Backoff => CommitOutcome::RetryLater(Duration::from_millis(200)),
        crate::error::Retry::After(d) => CommitOutcome::RetryLater(d),
    }
}
