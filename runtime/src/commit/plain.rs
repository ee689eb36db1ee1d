//! Lanes of sinks without a fence: discard, append, upsert. The store alone remembers how far they
//! are; after a crash what was applied but not yet recorded comes again, in order.

use tidegate_core::sink::{CommitOutcome, Sink, UpsertSink};
use tidegate_core::{ChangeBatch, Error, Result, Retry};

use super::committer::OnReject;
use super::lane::{Lane, Waited, by_position};
use super::protocol::Stop;
use crate::store::ledger::Claim;
use crate::store::units::{Cut, Planned};

/// Follows the decisions and writes nothing.
///
/// # Errors
/// Of the store.
pub async fn discard(lane: &Lane) -> Result<()> {
    loop {
        let decided = lane.store.lane_decided(&lane.key)?;
        lane.board.applied(&lane.key, decided, None);
        if lane.await_decision(decided.position).await == Waited::Stopped {
            return Ok(());
        }
    }
}

/// A sink without a fence.
pub enum Plain<'a> {
    /// Rows are written in order, at least once.
    Append(&'a dyn Sink),
    /// Units are applied by key exactly as they were decided, so that a replay has the same ranges
    /// and versions.
    Upsert(&'a dyn UpsertSink),
}

impl Plain<'_> {
    /// # Errors
    /// One that no trying again will change.
    async fn apply(&self, lane: &Lane, planned: &Planned, rows: Vec<ChangeBatch>) -> Result<CommitOutcome> {
        let result = match self {
            Plain::Append(sink) => sink.write(&lane.scope, &rows).await.map(|()| CommitOutcome::Committed),
            Plain::Upsert(sink) => sink.upsert(&lane.unit(planned, rows)).await,
        };
        match result {
            Ok(outcome) => Ok(outcome),
            Err(e) if e.retry_advice() == Retry::Never => Err(lane.stop_error(Stop::Failed(e))),
            Err(e) => Ok(CommitOutcome::Unknown(e.to_string())),
        }
    }
}

/// One unit after the other; a failed one again until it works.
///
/// # Errors
/// What ended the lane; the job has to stop.
pub async fn follow(lane: &Lane, sink: Plain<'_>) -> Result<()> {
    let history = lane.store.history(&lane.key)?;
    let mut at = history.applied;
    if history.claim != Claim::Claimed || history.identity.as_ref() != Some(&lane.sink.identity) {
        let (key, identity) = (lane.key.clone(), lane.sink.identity.clone());
        lane.aside(move |store| store.record_claimed(&key, &identity)).await?;
    }
    lane.board.applied(&lane.key, at, None);
    let mut failures = 0;
    loop {
        if lane.is_stopped() {
            return Ok(());
        }
        let Some((planned, rows)) = lane.next_unit(at.position, Cut::AsDecided).await? else {
            if lane.await_decision(at.position).await == Waited::Stopped {
                return Ok(());
            }
            continue;
        };
        lane.sending();
        let outcome = by_position(sink.apply(lane, &planned, rows).await?, &planned);
        lane.answered();
        let pause = match outcome {
            CommitOutcome::Committed | CommitOutcome::AlreadyCommitted => {
                failures = 0;
                at = planned.mark;
                lane.acknowledge(&planned);
                continue;
            }
            CommitOutcome::Rejected(rows) if lane.on_reject() != OnReject::Stop && !rows.is_empty() => {
                lane.record_rejected(rows).await?;
                continue;
            }
            CommitOutcome::Rejected(rows) => return Err(lane.stop_error(Stop::Rejected(rows))),
            CommitOutcome::Replaced(fence) => return Err(lane.stop_error(Stop::Replaced(Some(fence)))),
            CommitOutcome::Lost(what) => return Err(lane.stop_error(Stop::Failed(Error::external(what).fatal()))),
            CommitOutcome::Failed(error) => return Err(lane.stop_error(Stop::Failed(error))),
            CommitOutcome::RetryLater(pause) => {
                lane.board.absent(&lane.key, "it asked to be tried again later");
                pause
            }
            CommitOutcome::Unknown(why) => {
                lane.board.absent(&lane.key, &why);
                std::time::Duration::ZERO
            }
        };
        failures += 1;
        if lane.pause(pause.max(lane.back_off(failures))).await == Waited::Stopped {
            return Ok(());
        }
    }
}
