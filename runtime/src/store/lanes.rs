//! What committers ask of the store: a lane's history, the next rows, and small durable records.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate_core::sink::{Id, Scope};
use tidegate_core::{ChangeBatch, Error, Result};

use super::decision::{AppliedMark, Claimed, LaneKey, Mark, Prepared, Record, RejectEntry};
use super::header::SinkInfo;
use super::ledger::{Claim, Ledger, Range};
use super::planning::UnitLimits;
use super::reference::RowsRef;
use super::segment::read_sink_rows;
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

/// Rows to apply next.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Position of the first row.
    pub from: u64,
    /// One past the last.
    pub to: u64,
    /// What the fence becomes.
    pub mark: Mark,
    /// The unit's version.
    pub version: i64,
    /// When the newest of its rows was decided, ms.
    pub decided_at: i64,
    /// The rows, in order; those that the target has refused before are left out.
    pub pieces: Vec<Piece>,
}

/// Consecutive rows inside one frame.
#[derive(Debug, Clone)]
pub struct Piece {
    /// The frame.
    pub at: RowsRef,
    /// Index of the first row in the frame.
    pub skip: u64,
    /// How many rows.
    pub take: u64,
    /// Position of the first row in the lane.
    pub position: u64,
}

impl Planned {
    /// The position of the row with this index among the rows of the unit.
    pub fn position_of(&self, index: u64) -> Option<u64> {
        let mut left = index;
        for piece in &self.pieces {
            if left < piece.take {
                return Some(piece.position + left);
            }
            left -= piece.take;
        }
        None
    }
}

/// How units may be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Merge and split decided units up to these limits.
    Freely,
    /// Exactly as decided: a replay has to have the same ranges and versions.
    AsDecided,
}

impl Store {
    /// All sinks, removed ones included.
    pub fn sinks(&self) -> Vec<SinkView> {
        let ledger = self.inner.ledger.read();
        let lanes = |id: &String, lanes: Vec<u32>| lanes.into_iter().map(|lane| LaneKey { sink: id.clone(), lane }).collect();
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
        let ledger = self.inner.ledger.read();
        let lane = ledger.lane(key)?;
        let mut marks = vec![lane.start];
        marks.extend(lane.ranges.iter().map(Range::end));
        let mut runs = vec![ledger.run.clone()];
        runs.extend(ledger.lineage.iter().cloned());
        Ok(History {
            claim: lane.claim,
            runs,
            identity: ledger.sinks.get(&key.sink).and_then(|s| s.identity.clone()),
            applied: self.inner.applied.lock().get(key).copied().unwrap_or(lane.applied),
            marks,
        })
    }

    /// How far a lane has been decided.
    ///
    /// # Errors
    /// Where there is no such lane.
    pub fn lane_decided(&self, key: &LaneKey) -> Result<Mark> {
        Ok(self.inner.ledger.read().lane(key)?.decided())
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

    /// The rows from `from` on, up to the limits; `None` where nothing more is decided.
    ///
    /// # Errors
    /// Where `from` has been forgotten.
    pub fn next_unit(&self, key: &LaneKey, from: u64, cut: Cut, limits: UnitLimits) -> Result<Option<Planned>> {
        let ledger = self.inner.ledger.read();
        let lane = ledger.lane(key)?;
        if from < lane.start.position {
            return Err(Error::internal(format!("rows from {from} of {} have been removed", key.sink)));
        }
        let to = match cut {
            Cut::AsDecided => decided_end(lane.ranges.iter(), from),
            Cut::Freely => free_end(lane.ranges.iter(), from, limits),
        };
        let Some(to) = to else { return Ok(None) };
        Ok(Some(planned(&ledger, key, from, to, lane.ranges.iter(), lane.start)))
    }

    /// Exactly these rows.
    ///
    /// # Errors
    /// Where they are not all there.
    pub fn unit(&self, key: &LaneKey, from: u64, to: u64) -> Result<Planned> {
        let ledger = self.inner.ledger.read();
        let lane = ledger.lane(key)?;
        if from < lane.start.position || to > lane.decided().position || from >= to {
            return Err(Error::internal(format!("rows {from} to {to} of {} are not all there", key.sink)));
        }
        Ok(planned(&ledger, key, from, to, lane.ranges.iter(), lane.start))
    }

    /// The rows of a unit: from memory where they still are, from the log otherwise.
    ///
    /// # Errors
    /// Of the disk.
    pub fn read_unit(&self, planned: &Planned) -> Result<Vec<ChangeBatch>> {
        planned
            .pieces
            .iter()
            .map(|Piece { at, skip, take, .. }| {
                let rows = match self.inner.cache.get(at) {
                    Some(rows) => rows,
                    None => Arc::new(read_sink_rows(&*self.inner.storage, &self.inner.dir, at)?),
                };
                let whole = *skip == 0 && *take == at.rows;
                Ok(if whole { (*rows).clone() } else { rows.slice(*skip as usize, *take as usize) })
            })
            .collect()
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
                    let (at, index) = find_row(lane.ranges.iter(), *position)
                        .ok_or_else(|| Error::internal(format!("{} refuses row {position}, which it was not given", key.sink)))?;
                    let reject = RejectKey { sink: key.sink.clone(), lane: key.lane, position: *position };
                    Ok(RejectEntry { key: reject, reason: reason.clone(), at, index, taken })
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

/// The end of the decided unit that holds `from`.
fn decided_end<'a>(ranges: impl Iterator<Item = &'a Range>, from: u64) -> Option<u64> {
    ranges.filter(|r| r.to > from).flat_map(|r| &r.units).map(|(to, _)| *to).find(|to| *to > from)
}

/// As many rows as fit, at least one.
fn free_end<'a>(ranges: impl Iterator<Item = &'a Range>, from: u64, limits: UnitLimits) -> Option<u64> {
    let (mut to, mut bytes) = (from, 0u64);
    for range in ranges.filter(|r| r.to > from) {
        let mut at = range.from;
        for r in &range.rows {
            let (first, end) = (at.max(from), at + r.rows);
            at = end;
            if first >= end {
                continue;
            }
            let width = (r.bytes / r.rows.max(1)).max(1);
            let fits = (limits.rows - (to - from)).min(limits.bytes.saturating_sub(bytes) / width).max(u64::from(to == from));
            let take = fits.min(end - first);
            to += take;
            bytes += take * width;
            if take < end - first {
                return Some(to);
            }
        }
    }
    (to > from).then_some(to)
}

fn is_refused(ledger: &Ledger, key: &LaneKey, position: u64) -> bool {
    ledger.rejects.iter().any(|r| r.key.position == position && r.key.lane == key.lane && r.key.sink == key.sink)
}

fn planned<'a>(
    ledger: &Ledger,
    key: &LaneKey,
    from: u64,
    to: u64,
    ranges: impl Iterator<Item = &'a Range>,
    start: super::decision::Mark,
) -> Planned {
    let mut out = Planned { from, to, mark: start, version: 0, decided_at: 0, pieces: Vec::new() };
    for range in ranges {
        if range.to <= to {
            out.mark = range.end();
        } else if out.mark.position < to {
            out.mark = out.mark.within(range.end(), to);
        }
        if range.to <= from || range.from >= to {
            continue;
        }
        out.decided_at = range.at_millis;
        out.version = range.units.iter().find(|(end, _)| *end >= to.min(range.to)).map_or(out.version, |(_, v)| *v);
        let mut at = range.from;
        for r in &range.rows {
            let (first, end) = (at.max(from), (at + r.rows).min(to));
            if first < end {
                out.pieces.push(Piece { at: r.clone(), skip: first - at, take: end - first, position: first });
            }
            at += r.rows;
        }
    }
    leave_out_refused(ledger, key, &mut out);
    out
}

/// Leaves out what the target has refused before.
fn leave_out_refused(ledger: &Ledger, key: &LaneKey, unit: &mut Planned) {
    let refused = |r: &&RejectEntry| r.key.lane == key.lane && r.key.sink == key.sink;
    let refused: BTreeSet<u64> = ledger.rejects.iter().filter(refused).map(|r| r.key.position).collect();
    if refused.range(unit.from..unit.to).next().is_none() {
        return;
    }
    let mut kept = Vec::new();
    for piece in std::mem::take(&mut unit.pieces) {
        let end = piece.position + piece.take;
        let mut first = piece.position;
        let mut keep = |first: u64, end: u64| {
            if first < end {
                let skip = piece.skip + (first - piece.position);
                kept.push(Piece { at: piece.at.clone(), skip, take: end - first, position: first });
            }
        };
        for hole in refused.range(piece.position..end) {
            keep(first, *hole);
            first = hole + 1;
        }
        keep(first, end);
    }
    unit.pieces = kept;
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
