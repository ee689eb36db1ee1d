//! Lanes of sinks with a native two-phase commit.
//!
//! 1. the range of the unit is fixed in the store, then `prepare` is called;
//! 2. the committable is made durable in the store, then `commit` is called;
//! 3. the applied position is made durable, and with it the committable is forgotten.
//!
//! A range that has been fixed is never cut again before it is committed or aborted. After a crash
//! `recover` gets the committable if there is one; then the same range goes on at step 1 or 2.

use tidegate_core::sink::{CommitOutcome, Committable, TwoPhaseCommitSink};
use tidegate_core::{Result, Retry};

use super::committer::OnReject;
use super::lane::{Lane, Waited, by_position};
use super::protocol::Stop;
use crate::store::Store;
use crate::store::decision::Prepared;
use crate::store::units::{Cut, Planned};

/// Runs a lane until it is stopped.
///
/// # Errors
/// What ended the lane; the job has to stop.
pub async fn run(lane: &Lane, sink: &dyn TwoPhaseCommitSink) -> Result<()> {
    if !settle(lane, sink).await? {
        return Ok(());
    }
    let (key, identity) = (lane.key.clone(), lane.sink.identity.clone());
    lane.aside(move |store| store.record_claimed(&key, &identity)).await?;
    let mut at = lane.store.history(&lane.key)?.applied;
    lane.board.applied(&lane.key, at, None);
    loop {
        if lane.is_stopped() {
            return Ok(());
        }
        let Some(planned) = fix(lane, at.position).await? else {
            if lane.await_decision(at.position).await == Waited::Stopped {
                return Ok(());
            }
            continue;
        };
        match commit_unit(lane, sink, &planned).await? {
            Step::Committed => {
                at = planned.mark;
                lane.acknowledge(&planned);
                // Before the next range is fixed: else a crash would prepare this one again.
                lane.aside(Store::persist_applied).await?;
            }
            Step::Again => {}
            Step::Stopped => return Ok(()),
        }
    }
}

enum Step {
    Committed,
    Again,
    Stopped,
}

/// Lets the sink settle what a predecessor left; `false` where the committers are being stopped.
async fn settle(lane: &Lane, sink: &dyn TwoPhaseCommitSink) -> Result<bool> {
    let mut failures = 0;
    loop {
        let known: Vec<Committable> =
            lane.store.prepared(&lane.key)?.and_then(|p| p.committable).map(Committable).into_iter().collect();
        let Err(e) = sink.recover(&lane.scope, &known).await else { return Ok(true) };
        if e.retry_advice() == Retry::Never {
            return Err(lane.stop_error(Stop::Failed(e)));
        }
        lane.noted(e);
        failures += 1;
        if lane.pause(lane.back_off(failures)).await == Waited::Stopped {
            return Ok(false);
        }
    }
}

/// The unit whose range is fixed; fixes the next one where there is none.
async fn fix(lane: &Lane, from: u64) -> Result<Option<Planned>> {
    let key = lane.key.clone();
    lane.aside(move |store| {
        if let Some(fixed) = store.prepared(&key)?.filter(|p| p.from == from) {
            return store.unit(&key, fixed.from, fixed.to).map(Some);
        }
        let limits = crate::store::planning::UnitLimits { rows: u64::MAX, bytes: u64::MAX };
        let planned = store.next_unit(&key, from, Cut::AsDecided, limits)?;
        if let Some(planned) = &planned {
            store.record_prepared(Prepared { key, from: planned.from, to: planned.to, committable: None })?;
        }
        Ok(planned)
    })
    .await
}

/// Takes a fixed unit through both phases.
async fn commit_unit(lane: &Lane, sink: &dyn TwoPhaseCommitSink, planned: &Planned) -> Result<Step> {
    let mut failures = 0;
    loop {
        let known = lane.store.prepared(&lane.key)?.and_then(|p| p.committable);
        let (committable, fresh) = match known {
            Some(text) => (Committable(text), false),
            None => match prepare(lane, sink, planned).await? {
                Ok(committable) => (committable, true),
                Err(why) => {
                    failures += 1;
                    lane.board.absent(&lane.key, &why);
                    if lane.pause(lane.back_off(failures)).await == Waited::Stopped || !settle(lane, sink).await? {
                        return Ok(Step::Stopped);
                    }
                    continue;
                }
            },
        };
        if fresh {
            let prepared = Prepared {
                key: lane.key.clone(),
                from: planned.from,
                to: planned.to,
                committable: Some(committable.0.clone()),
            };
            lane.aside(move |store| store.record_prepared(prepared)).await?;
        }
        lane.sending();
        let outcome = by_position(sink.commit(&committable).await, planned);
        lane.answered();
        let pause = match outcome {
            CommitOutcome::Committed | CommitOutcome::AlreadyCommitted => return Ok(Step::Committed),
            CommitOutcome::Rejected(rows) if lane.on_reject() != OnReject::Stop && !rows.is_empty() => {
                // Durable first; a crash before the abort finds the committable and is refused again.
                lane.record_rejected(rows).await?;
                if let Err(e) = sink.abort(&committable).await {
                    return Err(lane.stop_error(Stop::Failed(e.context("aborting a refused unit"))));
                }
                let key = lane.key.clone();
                lane.aside(move |store| store.record_aborted(&key)).await?;
                return Ok(Step::Again);
            }
            CommitOutcome::Rejected(rows) => return Err(lane.stop_error(Stop::Rejected(rows))),
            CommitOutcome::Replaced(fence) => return Err(lane.stop_error(Stop::Replaced(Some(fence)))),
            CommitOutcome::Lost(what) => return Err(lane.stop_error(Stop::Lost(what))),
            CommitOutcome::Failed(error) => return Err(lane.stop_error(Stop::Failed(error))),
            CommitOutcome::RetryLater(pause) => pause,
            // Committing is idempotent: ask again.
            CommitOutcome::Unknown(why) => {
                lane.board.absent(&lane.key, &why);
                std::time::Duration::ZERO
            }
        };
        failures += 1;
        if lane.pause(pause.max(lane.back_off(failures))).await == Waited::Stopped {
            return Ok(Step::Stopped);
        }
    }
}

/// The first phase: a committable, or why there is none yet.
async fn prepare(lane: &Lane, sink: &dyn TwoPhaseCommitSink, planned: &Planned) -> Result<Result<Committable, String>> {
    let rows = {
        let planned = planned.clone();
        lane.aside(move |store| store.read_unit(&planned)).await?
    };
    match sink.prepare(&lane.unit(planned, rows)).await {
        Ok(committable) => Ok(Ok(committable)),
        Err(e) if e.retry_advice() == Retry::Never => Err(lane.stop_error(Stop::Failed(e))),
        Err(e) => Ok(Err(e.to_string())),
    }
}
