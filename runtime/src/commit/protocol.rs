//! One lane of a fenced sink, as a pure state machine: an event comes in, one action goes out.
//!
//! ```text
//!            ReadFence ──verify──> [Retire] ──> Claim ──> ReadFence ──> RecordClaimed
//!  (absent)      ▲                               │ unclear     │ own incarnation
//!                └───────────── Pause ───────────┘             ▼
//!   ┌──────────────── AwaitDecision <── nothing to apply ─── ready <──────────┐
//!   └──────────────────────────────────────────────────────────▲             │
//!                                                 Acknowledge ──┘  RecordRejected
//!                                                      ▲                      ▲
//!                      Apply ── Committed ─────────────┤                      │
//!                        ├───── RetryLater ── Pause ── Apply                  │
//!                        ├───── Unknown ───── Pause ── ReadFence ── own? ─────┤
//!                        ├───── Rejected ─────────────────────────────────────┘
//!                        └───── Replaced, Lost, Failed ── Stop
//! ```
//! Once the claim is confirmed, every later reading must show the own incarnation: another one
//! means that this process has been replaced, and it never takes the lane back.

use std::time::Duration;

use tidegate_core::sink::{CommitOutcome, Fence, Id};
use tidegate_core::{Error, Retry};

use super::verify::{Refusal, Verdict, verify};
use crate::store::decision::Mark;
use crate::store::lanes::History;

/// What the shell has to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Read the fence; answer with [`Event::FenceRead`].
    ReadFence,
    /// Make the target forget the fence; answer with [`Event::Retired`].
    Retire,
    /// Claim with this fence, unless the target holds one that must not be taken over; answer with
    /// [`Event::Claimed`].
    Claim(Fence),
    /// Make the claim durable in the store; answer with [`Event::Done`].
    RecordClaimed,
    /// Apply the decided rows from this mark on; answer with [`Event::Applied`].
    Apply(Mark),
    /// The target has everything before this mark; answer with [`Event::Done`].
    Acknowledge(Mark),
    /// Make these refusals (position, reason) durable; answer with [`Event::Done`].
    RecordRejected(Vec<(u64, String)>),
    /// Wait; answer with [`Event::Done`].
    Pause(Duration),
    /// Wait until more has been decided; answer with [`Event::Done`].
    AwaitDecision,
    /// The end.
    Stop(Stop),
}

/// What the shell reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The answer to [`Action::ReadFence`].
    FenceRead(Result<Option<Fence>, Error>),
    /// The answer to [`Action::Retire`].
    Retired(Result<(), Error>),
    /// The answer to [`Action::Claim`]: what the target held before.
    Claimed(Result<Option<Fence>, Error>),
    /// The answer to [`Action::Apply`].
    Applied {
        /// Where the unit ended.
        to: Mark,
        /// What became of it. Refused rows by position.
        outcome: CommitOutcome,
    },
    /// What was asked for has been done.
    Done,
}

/// Why a lane has stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The fence must not be taken over, or is not what it should be any more.
    Refused(Refusal),
    /// Another incarnation owns the lane.
    Replaced(Option<Fence>),
    /// Applied rows are gone or cannot be applied.
    Lost(String),
    /// The target refuses these rows (position, reason) and nothing says what to do about it.
    Rejected(Vec<(u64, String)>),
    /// The target answers with an error that no trying again will change. Whose fault it is decides the
    /// exit code.
    Failed(Error),
}

/// Where a lane is between two events.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    /// The fence has to be read and judged.
    Unread,
    /// The fence may be taken over; a foreign one goes first.
    Retiring(Mark),
    /// The answer to the claim is awaited.
    Claiming,
    /// The fence is read again after the claim.
    Confirming,
    /// The claim is being recorded.
    Recording(Mark),
    /// Between units.
    Ready,
    /// A unit is under way.
    Applying,
    /// It is unclear how far the target is. The target has said that it is at least there.
    Doubting(Option<u64>),
    /// Over.
    Stopped,
}

/// The lane.
#[derive(Debug, Clone)]
pub struct LaneMachine {
    run: Id,
    incarnation: Id,
    identity: String,
    keep_rejected: bool,
    longest_pause: Duration,
    phase: Phase,
    at: Mark,
    failures: u32,
    /// The incarnation in the fence when it was first read.
    first_seen: Option<Option<Id>>,
}

/// What does not change while the process lives.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The run.
    pub run: Id,
    /// The own incarnation.
    pub incarnation: Id,
    /// Names the thing written to.
    pub target: String,
    /// Refused rows are recorded and left out; otherwise they stop the lane.
    pub keep_rejected: bool,
    /// The longest pause between two tries.
    pub longest_pause: Duration,
}

impl LaneMachine {
    /// A lane whose fence has not been read.
    pub fn new(identity: Identity) -> Self {
        LaneMachine {
            run: identity.run,
            incarnation: identity.incarnation,
            identity: identity.target,
            keep_rejected: identity.keep_rejected,
            longest_pause: identity.longest_pause,
            phase: Phase::Unread,
            at: Mark { position: 0, epoch: 0, digest: 0 },
            failures: 0,
            first_seen: None,
        }
    }

    /// The first action: read the fence, unless that has been done.
    pub fn start(&mut self, read: Option<(Option<Fence>, Verdict)>) -> Action {
        match read {
            None => Action::ReadFence,
            Some((fence, verdict)) => self.judged(fence.as_ref(), verdict),
        }
    }

    /// How far the target is known to be.
    pub fn position(&self) -> Mark {
        self.at
    }

    /// One step. `history` is what the store knows now.
    pub fn on(&mut self, event: Event, history: &History) -> Action {
        match (self.phase.clone(), event) {
            (Phase::Stopped, _) => Action::Stop(Stop::Failed(Error::internal("the lane has stopped"))),
            (Phase::Unread, Event::FenceRead(Ok(fence))) => {
                let verdict = verify(history, &self.identity, fence.as_ref());
                self.judged(fence.as_ref(), verdict)
            }
            (Phase::Retiring(mark), Event::Retired(Ok(()))) => self.claim(mark),
            (Phase::Claiming, Event::Claimed(Ok(before))) => self.claimed(before.as_ref(), history),
            (Phase::Confirming, Event::FenceRead(Ok(fence))) => self.confirm(fence, history),
            (Phase::Recording(mark), Event::Done) => {
                self.phase = Phase::Ready;
                self.failures = 0;
                self.at = mark;
                Action::Acknowledge(mark)
            }
            (Phase::Applying, Event::Applied { to, outcome }) => self.applied(to, outcome),
            (Phase::Doubting(at_least), Event::FenceRead(Ok(fence))) => self.settle(fence, at_least, history),
            (Phase::Unread | Phase::Confirming | Phase::Doubting(_), Event::FenceRead(Err(error)))
            | (Phase::Retiring(_), Event::Retired(Err(error))) => self.pause(error),
            (Phase::Claiming, Event::Claimed(Err(error))) => {
                // Either owner is possible now: read, judge and claim again.
                self.phase = Phase::Unread;
                self.pause(error)
            }
            (Phase::Unread | Phase::Confirming | Phase::Doubting(_), Event::Done) => Action::ReadFence,
            (Phase::Retiring(_), Event::Done) => Action::Retire,
            (Phase::Ready | Phase::Applying, Event::Done) => self.next(history),
            (phase, event) => {
                self.stop(Stop::Failed(Error::internal(format!("{event:?} does not belong to {phase:?}"))))
            }
        }
    }

    fn judged(&mut self, fence: Option<&Fence>, verdict: Verdict) -> Action {
        let incarnation = fence.map(|f| f.incarnation.clone());
        let first = self.first_seen.get_or_insert_with(|| incarnation.clone());
        // An earlier claim of ours may have succeeded unanswered; then whoever stands there now and
        // was not there at first has come after us.
        let newcomer = incarnation.as_ref().is_some_and(|i| *i != self.incarnation && first.as_ref() != Some(i));
        if newcomer {
            return self.stop(Stop::Replaced(fence.cloned()));
        }
        match verdict {
            Verdict::Resume(mark) | Verdict::Make(mark) => self.claim(mark),
            Verdict::Replace(mark) => {
                self.phase = Phase::Retiring(mark);
                Action::Retire
            }
            Verdict::Refuse(refusal) => self.stop(Stop::Refused(refusal)),
        }
    }

    fn claim(&mut self, mark: Mark) -> Action {
        self.phase = Phase::Claiming;
        Action::Claim(Fence {
            run: self.run.clone(),
            incarnation: self.incarnation.clone(),
            position: mark.position,
            epoch: mark.epoch,
            digest: mark.digest,
        })
    }

    /// What stood there at the moment of the claim must have been ours to take, too. Where it was not, a
    /// sink that judges in the same step has written nothing.
    fn claimed(&mut self, before: Option<&Fence>, history: &History) -> Action {
        if let Some(fence) = before
            && let Verdict::Refuse(refusal) = verify(history, &self.identity, Some(fence))
        {
            return self.stop(Stop::Refused(refusal));
        }
        self.phase = Phase::Confirming;
        Action::ReadFence
    }

    fn confirm(&mut self, fence: Option<Fence>, history: &History) -> Action {
        match self.own(fence, history) {
            Ok(mark) => {
                self.phase = Phase::Recording(mark);
                Action::RecordClaimed
            }
            Err(stop) => self.stop(stop),
        }
    }

    /// The mark of a fence that must carry the own incarnation.
    fn own(&self, fence: Option<Fence>, history: &History) -> Result<Mark, Stop> {
        let Some(fence) = fence else {
            let (from, to) = (self.at.position, history.decided().position);
            return Err(Stop::Refused(Refusal::Missing { from, to }));
        };
        if fence.incarnation != self.incarnation || fence.run != self.run {
            return Err(Stop::Replaced(Some(fence)));
        }
        match verify(history, &self.identity, Some(&fence)) {
            Verdict::Resume(mark) => Ok(mark),
            Verdict::Refuse(refusal) => Err(Stop::Refused(refusal)),
            Verdict::Make(_) | Verdict::Replace(_) => {
                Err(Stop::Lost(format!("the fence stands at {}, where this job never was", fence.position)))
            }
        }
    }

    fn next(&mut self, history: &History) -> Action {
        if history.decided().position > self.at.position {
            self.phase = Phase::Applying;
            Action::Apply(self.at)
        } else {
            self.phase = Phase::Ready;
            Action::AwaitDecision
        }
    }

    fn applied(&mut self, to: Mark, outcome: CommitOutcome) -> Action {
        match outcome {
            CommitOutcome::Committed => {
                self.at = to;
                self.failures = 0;
                self.phase = Phase::Ready;
                Action::Acknowledge(to)
            }
            CommitOutcome::AlreadyCommitted => {
                // Its digest has to be ours: read it.
                self.phase = Phase::Doubting(Some(to.position));
                Action::ReadFence
            }
            CommitOutcome::RetryLater(pause) => {
                self.failures += 1;
                Action::Pause(pause.max(self.back_off()))
            }
            CommitOutcome::Unknown(_) => {
                self.failures += 1;
                self.phase = Phase::Doubting(None);
                Action::Pause(self.back_off())
            }
            CommitOutcome::Rejected(rows) if self.keep_rejected && !rows.is_empty() => Action::RecordRejected(rows),
            CommitOutcome::Rejected(rows) => self.stop(Stop::Rejected(rows)),
            CommitOutcome::Replaced(fence) => self.stop(Stop::Replaced(Some(fence))),
            CommitOutcome::Lost(what) => self.stop(Stop::Lost(what)),
            CommitOutcome::Failed(error) => self.stop(Stop::Failed(error)),
        }
    }

    fn settle(&mut self, fence: Option<Fence>, at_least: Option<u64>, history: &History) -> Action {
        match self.own(fence, history) {
            Err(stop) => self.stop(stop),
            Ok(mark) if at_least.is_some_and(|p| mark.position < p) => self.stop(Stop::Lost(format!(
                "the target says that rows before {} are applied, its fence stands at {}",
                at_least.unwrap_or_default(),
                mark.position
            ))),
            Ok(mark) => {
                // A fence that fell back (fail-over) within the retained log is applied again.
                self.at = mark;
                self.phase = Phase::Ready;
                Action::Acknowledge(mark)
            }
        }
    }

    fn pause(&mut self, error: Error) -> Action {
        if error.retry_advice() == Retry::Never {
            return self.stop(Stop::Failed(error));
        }
        self.failures += 1;
        Action::Pause(self.back_off())
    }

    fn back_off(&self) -> Duration {
        back_off(self.failures, self.longest_pause)
    }

    fn stop(&mut self, why: Stop) -> Action {
        self.phase = Phase::Stopped;
        Action::Stop(why)
    }
}

/// 50 ms, doubled with each failure after the first.
pub fn back_off(failures: u32, longest: Duration) -> Duration {
    Duration::from_millis(50u64 << failures.saturating_sub(1).min(16)).min(longest)
}

#[cfg(test)]
#[path = "protocol_tests.rs"]
mod tests;
