//! What committers ask of the store: a lane's history, and small durable records.

use tidegate_core::sink::{Id, Scope};
use tidegate_core::{Error, Result};

use super::decision::{AppliedMark, Claimed, LaneKey, Mark, Prepared, Record, RejectEntry};
use super::header::SinkInfo;
use super::ledger::{Claim, Ledger, Range};
use super::reference::RowsRef;
use super::{RejectKey, Store};

/// A sink as the committers see it.
#[derive(Debug, Clone)]
pub struct SinkView {
    /// The declaration.
    pub info: SinkInfo,
    /// It is no longer in the job.
    pub removed: bool,
    /// What it wrote to when it was last claimed.
    pub identity: Option<String>,
    /// Its lanes.
    pub lanes: Vec<LaneKey>,
}

/// What the store knows about a lane's fence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Is there a fence?
    pub claim: Claim,
    /// The run, and earlier runs whose fences count as our own.
    pub runs: Vec<Id>,
    /// What the sink wrote to when it was last claimed.
    pub identity: Option<String>,
    /// How far the target is known to be.
    pub applied: Mark,
    /// The end of what is forgotten, then the end of each decided range; ascending, never empty.
    pub marks: Vec<Mark>,
}

impl History {
    /// The end of what is forgotten.
    pub fn start(&self) -> Mark {
        self.marks.first().copied().unwrap_or(self.applied)
    }
    /// The end of what is decided.
    pub fn decided(&self) -> Mark {
        self.marks.last().copied().unwrap_or(self.applied)
    }
    /// What a fence at a position has to say; `None` where it is forgotten or not decided.
    pub fn mark_at(&self, position: u64) -> Option<Mark> {
        let next = self.marks.partition_point(|m| m.position <= position);
        let before = self.marks.get(next.checked_sub(1)?)?;
        if before.position == position {
            return Some(*before);
        }
        Some(before.within(*self.marks.get(next)?, position))
    }
}

/// What a ledger knows about a lane's fence.
///
/// # Errors
/// Where there is no such lane.
pub fn history_of(ledger: &Ledger, key: &LaneKey) -> Result<History> {
    let lane = ledger.lane(key)?;
    let mut marks = vec![lane.start];
    marks.extend(lane.ranges.iter().map(Range::end));
    let mut runs = vec![ledger.run.clone()];
    runs.extend(ledger.lineage.iter().cloned());
    Ok(History {
        claim: lane.claim,
        runs,
        identity: ledger.sinks.get(&key.sink).and_then(|s| s.identity.clone()),
        applied: lane.applied,
        marks,
    })
}

impl Store {
    /// All sinks, removed ones included.
    pub fn sinks(&self) -> Vec<SinkView> {
        let ledger = self.inner.ledger.read();
        let lanes =
            |id: &String, lanes: Vec<u32>| lanes.into_iter().map(|lane| LaneKey { sink: id.clone(), lane }).collect();
        ledger
            .sinks
            .iter()
            .map(|(id, s)| SinkView {
                info: s.info.clone(),
                removed: s.removed,
                identity: s.identity.clone(),
                lanes: lanes(id, s.lanes.keys().copied().collect()),
            })
            .collect()
    }

    /// Names a lane's fence.
    pub fn scope(&self, key: &LaneKey) -> Scope {
        Scope { job: self.inner.job.clone(), sink: key.sink.clone(), lane: key.lane }
    }

    /// What is known about a lane's fence, this process's own applies included.
    ///
    /// # Errors
    /// Where there is no such lane.
    pub fn history(&self, key: &LaneKey) -> Result<History> {
        let mut history = history_of(&self.inner.ledger.read(), key)?;
        if let Some(mark) = self.inner.applied.lock().get(key) {
            history.applied = *mark;
        }
        Ok(history)
    }

    /// How far a lane has been decided.
    ///
    /// # Errors
    /// Where there is no such lane.
    pub fn lane_decided(&self, key: &LaneKey) -> Result<Mark> {
        Ok(self.inner.ledger.read().lane(key)?.decided())
    }

    /// How far a lane's target is known to be, this process's own applies included.
    ///
    /// # Errors
    /// Where there is no such lane.
    pub fn lane_applied(&self, key: &LaneKey) -> Result<u64> {
        if let Some(mark) = self.inner.applied.lock().get(key) {
            return Ok(mark.position);
        }
        Ok(self.inner.ledger.read().lane(key)?.applied.position)
    }

    /// The newest epoch all of whose rows in this lane lie before a position.
    ///
    /// # Errors
    /// Where there is no such lane.
    pub fn epoch_applied(&self, key: &LaneKey, position: u64) -> Result<Option<u64>> {
        let ledger = self.inner.ledger.read();
        let lane = ledger.lane(key)?;
        Ok(match lane.ranges.iter().find(|r| r.to > position) {
            Some(first_open) => first_open.epoch.checked_sub(1),
            None => ledger.epoch,
        })
    }

    /// The unit whose range was fixed before a crash, if there is one.
    ///
    /// # Errors
    /// Where there is no such lane.
    pub fn prepared(&self, key: &LaneKey) -> Result<Option<Prepared>> {
        Ok(self.inner.ledger.read().lane(key)?.prepared.clone())
    }

    /// Notes that the target has everything before this mark. In memory: the next decision persists it.
    pub fn set_applied(&self, key: &LaneKey, mark: Mark) {
        self.inner.applied.lock().insert(key.clone(), mark);
        self.inner.pending.lock().applied(key, mark.position);
        let ledger = self.inner.ledger.read();
        if let Ok(lane) = ledger.lane(key) {
            let applied = lane.ranges.iter().rev().skip_while(|r| r.to > mark.position);
            for range in applied.take_while(|r| r.to > lane.applied.position) {
                range.rows.iter().for_each(|r| self.inner.cache.drop_rows(r));
            }
        }
    }

    /// Makes the applied positions durable without a decision, so that the next start need not
    /// replay them.
    ///
    /// # Errors
    /// Of the disk.
    pub fn persist_applied(&self) -> Result<()> {
        let known = self.inner.applied.lock().clone();
        let marks: Vec<AppliedMark> = {
            let ledger = self.inner.ledger.read();
            let news = |key: &LaneKey, mark: &Mark| ledger.lane(key).is_ok_and(|l| l.applied != *mark);
            known.into_iter().filter(|(k, m)| news(k, m)).map(|(key, mark)| AppliedMark { key, mark }).collect()
        };
        if marks.is_empty() { Ok(()) } else { self.inner.record(Record::Applied(marks)) }
    }

    /// Records a successful claim.
    ///
    /// # Errors
    /// Of the disk.
    pub fn record_claimed(&self, key: &LaneKey, identity: &str) -> Result<()> {
        self.inner.record(Record::Claimed(Claimed { key: key.clone(), identity: identity.to_owned() }))
    }

    /// Records rows that the target refuses, before the target is asked again without them. A row
    /// is recorded once, however often it is refused.
    ///
    /// # Errors
    /// Of the disk.
    pub fn record_rejected(&self, key: &LaneKey, rows: &[(u64, String)], taken: bool) -> Result<u64> {
        let entries: Vec<RejectEntry> = {
            let ledger = self.inner.ledger.read();
            let lane = ledger.lane(key)?;
            rows.iter()
                .filter(|(position, _)| !is_refused(&ledger, key, *position))
                .map(|(position, reason)| {
                    let (at, index) = find_row(lane.ranges.iter(), *position).ok_or_else(|| {
                        Error::internal(format!("{} refuses row {position}, which it was not given", key.sink))
                    })?;
                    let reject = RejectKey::of(key, *position);
                    Ok(RejectEntry { key: reject, reason: reason.clone(), at, index, taken, retired: false })
                })
                .collect::<Result<_>>()?
        };
        let count = entries.len() as u64;
        if count > 0 {
            self.inner.record(Record::Rejected(entries))?;
        }
        Ok(count)
    }

    /// Fixes a unit's range before its first send, or adds its committable.
    ///
    /// # Errors
    /// Of the disk.
    pub fn record_prepared(&self, prepared: Prepared) -> Result<()> {
        self.inner.record(Record::Prepared(prepared))
    }

    /// Unfixes a unit that has been thrown away at the target.
    ///
    /// # Errors
    /// Of the disk.
    pub fn record_aborted(&self, key: &LaneKey) -> Result<()> {
        self.inner.record(Record::Aborted(key.clone()))
    }

    /// Forgets a removed sink that has been drained.
    ///
    /// # Errors
    /// Of the disk.
    pub fn record_retired(&self, sink: &str) -> Result<()> {
        self.inner.record(Record::Retired(sink.to_owned()))?;
        self.inner.applied.lock().retain(|key, _| key.sink != sink);
        Ok(())
    }
}

fn is_refused(ledger: &Ledger, key: &LaneKey, position: u64) -> bool {
    let key = RejectKey::of(key, position);
    ledger.rejects.iter().any(|r| r.key == key && !r.retired)
}

fn find_row<'a>(mut ranges: impl Iterator<Item = &'a Range>, position: u64) -> Option<(RowsRef, u64)> {
    let range = ranges.find(|r| r.to > position && r.from <= position)?;
    let mut at = range.from;
    for r in &range.rows {
        if position < at + r.rows {
            return Some((r.clone(), position - at));
        }
        at += r.rows;
    }
    None
}
