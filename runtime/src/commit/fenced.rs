//! Drives [`LaneMachine`] against a real sink: does what it says, tells it what came of it.

use std::sync::Arc;

use tidegate_core::sink::{CommitOutcome, Fence, FencedSink};
use tidegate_core::{Result, failpoint};

use super::committer::OnReject;
use super::lane::{Lane, Waited, by_position};
use super::protocol::{Action, Event, Identity, LaneMachine};
use super::verify::{Verdict, verify};
use crate::store::units::Cut;

/// Runs a lane until it is stopped. `read` is the fence as read and judged at the start.
///
/// # Errors
/// What ended the lane; the job has to stop.
pub async fn run(lane: &Lane, sink: &dyn FencedSink, read: Option<(Option<Fence>, Verdict)>) -> Result<()> {
    let (run, incarnation) = lane.store.identity();
    let mut machine = LaneMachine::new(Identity {
        run,
        incarnation,
        target: lane.sink.identity.clone(),
        keep_rejected: lane.on_reject() != OnReject::Stop,
        longest_pause: lane.options.max_pause,
    });
    let mut action = machine.start(read);
    loop {
        let Some(event) = perform(lane, sink, action).await? else { return Ok(()) };
        action = machine.on(event, &lane.store.history(&lane.key)?);
    }
}

/// Does one thing. `None`: the committers are being stopped.
async fn perform(lane: &Lane, sink: &dyn FencedSink, action: Action) -> Result<Option<Event>> {
    if lane.is_stopped() {
        return Ok(None);
    }
    let event = match action {
        Action::ReadFence => Event::FenceRead(sink.read_fence(&lane.scope).await.map_err(|e| lane.noted(e))),
        Action::Retire => Event::Retired(sink.retire(&lane.scope).await.map_err(|e| lane.noted(e))),
        Action::Claim(fence) => {
            failpoint::hit("claim.before");
            // What it held when it was read may have moved on: judged again in the step that takes it.
            let (history, identity) = (lane.store.history(&lane.key)?, lane.sink.identity.clone());
            let admits = move |held: Option<&Fence>| {
                held.is_none() || !matches!(verify(&history, &identity, held), Verdict::Refuse(_))
            };
            let before = sink.claim_if(&lane.scope, &fence, Arc::new(admits)).await;
            failpoint::hit("claim.after");
            Event::Claimed(before.map_err(|e| lane.noted(e)))
        }
        Action::RecordClaimed => {
            let (key, identity) = (lane.key.clone(), lane.sink.identity.clone());
            lane.aside(move |store| store.record_claimed(&key, &identity)).await?;
            Event::Done
        }
        Action::Apply(from) => match lane.next_unit(from.position, Cut::Freely).await? {
            Some((planned, rows)) => apply(lane, sink, &planned, rows).await,
            None => Event::Done,
        },
        Action::Acknowledge(mark) => {
            lane.board.applied(&lane.key, mark, None);
            Event::Done
        }
        Action::RecordRejected(rows) => {
            lane.record_rejected(rows).await?;
            Event::Done
        }
        Action::Pause(pause) => match lane.pause(pause).await {
            Waited::Over => Event::Done,
            Waited::Stopped => return Ok(None),
        },
        Action::AwaitDecision => match lane.await_decision(lane.store.history(&lane.key)?.applied.position).await {
            Waited::Over => Event::Done,
            Waited::Stopped => return Ok(None),
        },
        Action::Stop(stop) => return Err(lane.stop_error(stop)),
    };
    Ok(Some(event))
}

async fn apply(
    lane: &Lane,
    sink: &dyn FencedSink,
    planned: &crate::store::units::Planned,
    rows: Vec<tidegate_core::ChangeBatch>,
) -> Event {
    let unit = lane.unit(planned, rows);
    lane.sending();
    let outcome = sink.apply(&unit).await;
    lane.answered();
    match &outcome {
        CommitOutcome::Committed => lane.acknowledge(planned),
        CommitOutcome::RetryLater(_) => lane.board.absent(&lane.key, "it asked to be tried again later"),
        CommitOutcome::Unknown(why) => lane.board.absent(&lane.key, why),
        CommitOutcome::AlreadyCommitted
        | CommitOutcome::Rejected(_)
        | CommitOutcome::Replaced(_)
        | CommitOutcome::Lost(_)
        | CommitOutcome::Failed(_) => {}
    }
    Event::Applied { to: planned.mark, outcome: by_position(outcome, planned) }
}
