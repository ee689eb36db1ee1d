//! One lane: who owns it, what is in doubt, when its producer is made anew. Blocks.
//!
//! The fence decides who owns a lane, the transactional id makes the decision hold: after a claim has
//! initialised it, nobody who came before can commit any more. While the producer of the claim works,
//! the fence in the topic is the one written last, and need not be read. Where it does not (a time-out,
//! a lost answer, somebody else's initialisation) everything stops until the fence has been read
//! again: first as it stands, because a successor may have put its own there; then, if it is still
//! ours, under a producer of our own made anew, which settles what was in doubt.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_core::fencing::{check_apply, claimed};
use tidegate_core::sink::{Admits, ApplyUnit, CommitOutcome, Fence, Id, Scope};
use tidegate_core::{Error, Result};

use super::Target;
use super::fence::{self, Place, Settle};
use super::rows::bytes_of;
use super::transaction::{Sent, Transactions};
use crate::native::admin::Described;
use crate::native::coordinator::Asker;

/// How long a successor is given to put its fence where ours is.
const YIELD: Duration = Duration::from_millis(1500);
/// How often the topics are looked at: they may be deleted and made anew under us.
const LOOK: Duration = Duration::from_millis(500);

/// One lane of a sink.
pub(super) struct Lane {
    target: Arc<Target>,
    scope: Scope,
    reader: Asker,
    owned: Option<Owned>,
}

/// A lane that this process has claimed.
struct Owned {
    incarnation: Id,
    place: Place,
    /// `None`: what became of the last transaction is not known.
    producer: Option<Transactions>,
    /// The producer was shut out by another one.
    fenced: bool,
    /// As it stands there, unless in doubt.
    fence: Fence,
    looked: Instant,
}

impl Lane {
    pub(super) fn new(target: Arc<Target>, scope: Scope) -> Lane {
        let reader = fence::reader(&target, &scope);
        Lane { target, scope, reader, owned: None }
    }

    /// The fence as it stands. Before the claim nothing is touched; after it whatever is in doubt is
    /// settled first.
    pub(super) fn read(&mut self) -> Result<Option<Fence>> {
        let Some(owned) = &self.owned else { return Ok(self.reading(Settle::Briefly)?.fence) };
        let (in_doubt, fenced) = (owned.producer.is_none(), owned.fenced);
        if in_doubt {
            if let Some(other) = self.successor(fenced)? {
                return Ok(Some(other));
            }
            let producer = self.transactions()?;
            if let Some(owned) = &mut self.owned {
                (owned.producer, owned.fenced) = (Some(producer), false);
            }
        }
        let reading = self.reading(Settle::Fully)?;
        let Some(owned) = &mut self.owned else { return Ok(reading.fence) };
        if !owned.place.is(reading.place.as_ref()) {
            // Deleted, or deleted and made again: what stands in a new one proves nothing.
            return Ok(None);
        }
        if let Some(fence) = &reading.fence {
            owned.fence = fence.clone();
        }
        Ok(reading.fence)
    }

    /// Another incarnation's fence, if there is one or appears soon.
    fn successor(&mut self, fenced: bool) -> Result<Option<Fence>> {
        let started = Instant::now();
        loop {
            let fence = self.reading(Settle::Briefly)?.fence;
            let own = self.owned.as_ref().map(|o| &o.incarnation);
            if let Some(other) = fence.filter(|f| Some(&f.incarnation) != own) {
                return Ok(Some(other));
            }
            if !fenced || started.elapsed() > YIELD {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Takes the lane over.
    pub(super) fn claim(&mut self, asked: &Fence, place: &Place, admits: &Admits) -> Result<Option<Fence>> {
        self.owned = None;
        let producer = self.transactions()?;
        let before = self.reading(Settle::Fully)?.fence;
        // Nobody who came before can commit any more, so this is what it will be.
        if !admits(before.as_ref()) {
            return Ok(before);
        }
        let fence = claimed(before.as_ref(), asked);
        let producer = match self.write_fence(producer, place, Some(&fence))? {
            (Sent::Committed, producer) => producer,
            (other, _) => return Err(not_written(other)),
        };
        self.owned = Some(Owned {
            incarnation: asked.incarnation.clone(),
            place: place.clone(),
            producer,
            fenced: false,
            fence,
            looked: Instant::now(),
        });
        Ok(before)
    }

    /// A lane that this incarnation has claimed through another opening of the sink.
    fn adopt(&mut self, incarnation: &Id) -> Result<(), CommitOutcome> {
        let again = |e: Error| tidegate_core::sink::outcome_of(&e);
        let owner = self.reading(Settle::Briefly).map_err(again)?.fence;
        if let Some(other) = owner.filter(|f| f.incarnation != *incarnation) {
            return Err(CommitOutcome::Replaced(other));
        }
        let producer = self.transactions().map_err(again)?;
        let reading = self.reading(Settle::Fully).map_err(again)?;
        let (Some(fence), Some(place)) = (reading.fence, reading.place) else {
            return Err(CommitOutcome::Lost(format!("the fence of {} is gone, or was never claimed", self.scope)));
        };
        if fence.incarnation != *incarnation {
            return Err(CommitOutcome::Replaced(fence));
        }
        let (incarnation, looked) = (incarnation.clone(), Instant::now());
        self.owned = Some(Owned { incarnation, place, producer: Some(producer), fenced: false, fence, looked });
        Ok(())
    }

    /// Rows and fence, or neither.
    pub(super) fn apply(&mut self, unit: &ApplyUnit) -> CommitOutcome {
        if self.owned.is_none()
            && let Err(outcome) = self.adopt(&unit.fence.incarnation)
        {
            return outcome;
        }
        if let Some(outcome) = self.look() {
            return outcome;
        }
        let Some(owned) = &mut self.owned else {
            return CommitOutcome::Lost(format!("{} was never claimed", self.scope));
        };
        if owned.producer.is_some()
            && let Err(outcome) = check_apply(Some(&owned.fence), unit)
        {
            return outcome;
        }
        let note = owned.place.note(&self.target, &self.scope, Some(&unit.fence));
        let prepared = note.and_then(|note| Ok((note, bytes_of(&unit.rows)?)));
        let (note, bytes) = match prepared {
            Ok(prepared) => prepared,
            Err(e) => return CommitOutcome::Failed(e),
        };
        let Some(producer) = owned.producer.take() else {
            return CommitOutcome::Unknown("the transaction before is in doubt".to_owned());
        };
        let started = Instant::now();
        let deadline = self.target.pace.lock().deadline();
        let (sent, producer) = producer.send(&self.target, &unit.rows, &note, deadline);
        owned.producer = producer;
        self.outcome(sent, unit, bytes, started.elapsed())
    }

    fn outcome(&mut self, sent: Sent, unit: &ApplyUnit, bytes: u64, time: Duration) -> CommitOutcome {
        let Some(owned) = &mut self.owned else { return CommitOutcome::Lost("an unclaimed lane".to_owned()) };
        // Whatever went wrong may have its cause in the topics.
        if !matches!(sent, Sent::Committed) {
            owned.looked = owned.looked.checked_sub(LOOK).unwrap_or(owned.looked);
        }
        match sent {
            Sent::Committed => {
                owned.fence = unit.fence.clone();
                self.target.pace.lock().took(bytes, time);
                CommitOutcome::Committed
            }
            Sent::Refused(rows) => CommitOutcome::Rejected(rows),
            Sent::Again { why, too_slow } => {
                if too_slow {
                    self.target.pace.lock().outlasted(bytes);
                }
                tracing::info!("{}: aborted, trying again: {why}", self.scope);
                self.look().unwrap_or(CommitOutcome::RetryLater(Duration::from_millis(50)))
            }
            Sent::Never(e) => self.look().unwrap_or(CommitOutcome::Failed(e)),
            Sent::Unclear { why, fenced } => {
                owned.fenced = fenced;
                if time > self.target.pace.lock().deadline() {
                    self.target.pace.lock().outlasted(bytes);
                }
                CommitOutcome::Unknown(why)
            }
        }
    }

    /// Whether the topics are still those that were claimed; asked now and then.
    fn look(&mut self) -> Option<CommitOutcome> {
        let owned = self.owned.as_mut()?;
        if owned.looked.elapsed() < LOOK {
            return None;
        }
        let watched = [Some(&self.target.topic), owned.place.topic()];
        let names: Vec<String> = watched.into_iter().flatten().map(|t| t.name.clone()).collect();
        // No answer says nothing: the transaction itself will fail.
        let found = self.target.connection.describe(&names).ok()?;
        owned.looked = Instant::now();
        let same = |found: &Option<Described>, was: &Described| found.as_ref().is_some_and(|f| f.id == was.id);
        let (topic, fence_topic) = found.split_first()?;
        if !same(topic, &self.target.topic) {
            let what = if topic.is_none() { "was deleted" } else { "was deleted and made anew" };
            return Some(CommitOutcome::Lost(format!("topic '{}' {what}", self.target.topic.name)));
        }
        let was = owned.place.topic()?;
        if !fence_topic.first().is_some_and(|found| same(found, was)) {
            let what = format!("topic '{}' was deleted", was.name);
            owned.producer = None;
            return Some(CommitOutcome::Unknown(what));
        }
        None
    }

    /// Writes the fence again as it stands, for a place that forgets. Whether there is no more to do for
    /// now: a lane that is not ours is left alone, and so is a fence that is gone.
    pub(super) fn refresh(&mut self) -> Result<bool> {
        let Some(owned) = &self.owned else { return Ok(true) };
        let own = owned.incarnation.clone();
        if owned.producer.is_none() && self.read()?.is_none_or(|fence| fence.incarnation != own) {
            return Ok(true);
        }
        let Some(owned) = &mut self.owned else { return Ok(true) };
        let (place, fence) = (owned.place.clone(), owned.fence.clone());
        let Some(producer) = owned.producer.take() else { return Ok(false) };
        let (sent, producer) = self.write_fence(producer, &place, Some(&fence))?;
        if let Some(owned) = &mut self.owned {
            owned.producer = producer;
            owned.fenced = matches!(sent, Sent::Unclear { fenced: true, .. });
        }
        Ok(matches!(sent, Sent::Committed))
    }

    /// Makes the lane's fence be forgotten.
    pub(super) fn retire(&mut self) -> Result<()> {
        let owned = self.owned.take();
        let Some(place) = self.reading(Settle::Briefly)?.place else { return Ok(()) };
        let producer = match owned.and_then(|o| o.producer) {
            Some(producer) => producer,
            None => self.transactions()?,
        };
        match self.write_fence(producer, &place, None)? {
            (Sent::Committed, _) => Ok(()),
            (other, _) => Err(not_written(other)),
        }
    }

    fn write_fence(
        &self,
        producer: Transactions,
        place: &Place,
        fence: Option<&Fence>,
    ) -> Result<(Sent, Option<Transactions>)> {
        let note = place.note(&self.target, &self.scope, fence)?;
        Ok(producer.send(&self.target, &[], &note, self.target.connection.settings.patience))
    }

    fn transactions(&self) -> Result<Transactions> {
        Transactions::open(&self.target, &self.target.names.transactional_id(&self.scope))
    }

    fn reading(&self, settle: Settle) -> Result<fence::Reading> {
        fence::read(&self.target, &self.reader, &self.scope, settle)
    }
}

fn not_written(sent: Sent) -> Error {
    match sent {
        Sent::Never(e) => e,
        Sent::Again { why, .. } | Sent::Unclear { why, .. } => Error::external(format!("writing the fence: {why}")),
        Sent::Refused(rows) => Error::user(format!("the fence is refused: {rows:?}")),
        Sent::Committed => Error::internal("a fence that was written"),
    }
}
