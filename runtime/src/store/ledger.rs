//! The store's memory: what a replay of the journal adds up to. Only [`Ledger::apply`] changes it,
//! and only with a record that is durable.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use tidegate_core::sink::Id;
use tidegate_core::{Error, Result};

use super::decision::{AppliedMark, Decision, LaneDecision, LaneKey, Mark, Prepared, Record, RejectEntry, Swap};
use super::header::{JobHeader, SavedPosition, SinkInfo, SplitKey};
use super::reference::{Reference, RowsRef, StateRef};

/// Everything a directory knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ledger {
    /// [`super::decision::FORMAT`] of its writer.
    pub format: u32,
    /// The version of Tidegate that wrote it.
    pub engine: String,
    /// The hash that chooses lanes and owners of state.
    pub hash: String,
    /// The job's name.
    pub job: String,
    /// The job as it was planned when the directory was last opened.
    pub header: JobHeader,
    /// The run.
    pub run: Id,
    /// Earlier runs of this directory whose fences are its own.
    pub lineage: Vec<Id>,
    /// The latest opening.
    pub incarnation: Id,
    /// The last decided epoch.
    pub epoch: Option<u64>,
    /// The digest of everything decided.
    pub digest: u64,
    /// Source positions.
    pub positions: Vec<(SplitKey, SavedPosition)>,
    /// Watermarks.
    pub watermarks: Vec<(SplitKey, i64)>,
    /// The end of input has been decided.
    pub finished: bool,
    /// Operator state.
    pub state: BTreeMap<String, OperatorState>,
    /// Sinks, removed ones that still have to be drained included.
    pub sinks: BTreeMap<String, SinkEntry>,
    /// Refused rows that are still needed.
    pub rejects: Vec<RejectEntry>,
    /// How many references point into each file.
    #[serde(skip)]
    live: BTreeMap<String, u64>,
}

/// Where an operator's state lies.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct OperatorState {
    /// The folded snapshot.
    pub base: Vec<StateRef>,
    /// What came after it, by epoch.
    pub deltas: VecDeque<(u64, Vec<StateRef>)>,
}

impl OperatorState {
    /// All frames in the order in which they apply.
    pub fn refs(&self) -> impl Iterator<Item = &StateRef> {
        self.base.iter().chain(self.deltas.iter().flat_map(|(_, r)| r))
    }
}

/// A sink.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SinkEntry {
    /// As declared when it was last in the job.
    pub info: SinkInfo,
    /// What it wrote to when it was last claimed.
    pub identity: Option<String>,
    /// It is no longer in the job.
    pub removed: bool,
    /// Its lanes.
    pub lanes: BTreeMap<u32, Lane>,
}

/// Whether the target is expected to carry a fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Claim {
    /// Registered; the target may or may not have been touched.
    Claiming,
    /// As `Claiming`, and whatever fence is found may be replaced (`--adopt`, `--drop-pending`).
    Overwriting,
    /// The target carried a fence of this run.
    Claimed,
}

/// A lane's history as far as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lane {
    /// Is there a fence?
    pub claim: Claim,
    /// Everything before has been applied and forgotten.
    pub start: Mark,
    /// What is kept, oldest first, without gaps.
    pub ranges: VecDeque<Range>,
    /// How far the target is known to be.
    pub applied: Mark,
    /// The last version given to a unit.
    pub version: i64,
    /// A unit whose range is fixed (two-phase sinks).
    pub prepared: Option<Prepared>,
}

/// A lane's rows of one epoch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Range {
    /// The epoch that decided them.
    pub epoch: u64,
    /// The digest of that decision.
    pub digest: u64,
    /// When, ms.
    pub at_millis: i64,
    /// Position of the first row.
    pub from: u64,
    /// One past the last.
    pub to: u64,
    /// The rows.
    pub rows: Vec<RowsRef>,
    /// Where apply units end, and their versions.
    pub units: Vec<(u64, i64)>,
}

impl Range {
    /// Bytes in the log.
    pub fn bytes(&self) -> u64 {
        self.rows.iter().map(|r| r.at.length).sum()
    }
    /// Its end, as a mark.
    pub fn end(&self) -> Mark {
        Mark { position: self.to, epoch: self.epoch, digest: self.digest }
    }
}

impl Lane {
    /// A lane that begins here.
    pub fn new(claim: Claim, start: Mark) -> Self {
        Lane { claim, start, ranges: VecDeque::new(), applied: start, version: 0, prepared: None }
    }
    /// The end of what has been decided.
    pub fn decided(&self) -> Mark {
        self.ranges.back().map_or(self.start, Range::end)
    }
    /// Forgets ranges that end at or before `position`; returns them.
    fn forget(&mut self, position: u64) -> Vec<Range> {
        let mut gone = Vec::new();
        while self.ranges.front().is_some_and(|r| r.to <= position) {
            if let Some(range) = self.ranges.pop_front() {
                self.start = range.end();
                gone.push(range);
            }
        }
        gone
    }
}

impl Ledger {
    /// A ledger that nothing has happened to.
    pub fn new(job: String, header: JobHeader, run: Id, incarnation: Id) -> Self {
        let digest = xxhash_rust::xxh3::xxh3_64(run.0.as_bytes());
        Ledger {
            format: super::decision::FORMAT,
            engine: env!("CARGO_PKG_VERSION").to_owned(),
            hash: crate::hash::HASH_VERSION.to_owned(),
            job,
            header,
            run,
            lineage: Vec::new(),
            incarnation,
            epoch: None,
            digest,
            positions: Vec::new(),
            watermarks: Vec::new(),
            finished: false,
            state: BTreeMap::new(),
            sinks: BTreeMap::new(),
            rejects: Vec::new(),
            live: BTreeMap::new(),
        }
    }

    /// The mark at which a lane that is made now begins.
    pub fn here(&self) -> Mark {
        Mark { position: 0, epoch: self.epoch.unwrap_or(0), digest: self.digest }
    }

    /// A lane.
    ///
    /// # Errors
    /// Where there is no such lane: a bug.
    pub fn lane(&self, key: &LaneKey) -> Result<&Lane> {
        self.sinks.get(&key.sink).and_then(|s| s.lanes.get(&key.lane)).ok_or_else(|| no_lane(key))
    }

    fn lane_mut(&mut self, key: &LaneKey) -> Result<&mut Lane> {
        self.sinks.get_mut(&key.sink).and_then(|s| s.lanes.get_mut(&key.lane)).ok_or_else(|| no_lane(key))
    }

    /// All lanes.
    pub fn lanes(&self) -> impl Iterator<Item = (LaneKey, &Lane)> {
        self.sinks.iter().flat_map(|(sink, entry)| {
            entry.lanes.iter().map(move |(lane, l)| (LaneKey { sink: sink.clone(), lane: *lane }, l))
        })
    }

    /// Replays a record.
    ///
    /// # Errors
    /// Where it does not follow from what came before.
    pub fn apply(&mut self, record: Record) -> Result<()> {
        match record {
            Record::Snapshot(ledger) => {
                *self = *ledger;
                self.count_references();
            }
            Record::Decided(decision) => self.decided(*decision)?,
            Record::Claimed(claimed) => {
                self.lane_mut(&claimed.key)?.claim = Claim::Claimed;
                if let Some(sink) = self.sinks.get_mut(&claimed.key.sink) {
                    sink.identity = Some(claimed.identity);
                }
            }
            Record::Rejected(entries) => {
                for entry in entries {
                    self.retain(&entry.at.at);
                    self.rejects.push(entry);
                }
            }
            Record::Prepared(prepared) => {
                let lane = self.lane_mut(&prepared.key)?;
                lane.prepared = Some(prepared);
            }
            Record::Aborted(key) => self.lane_mut(&key)?.prepared = None,
            Record::Applied(marks) => self.applied(&marks)?,
            Record::Retired(sink) => {
                if let Some(entry) = self.sinks.remove(&sink) {
                    for range in entry.lanes.values().flat_map(|l| &l.ranges) {
                        self.release_rows(&range.rows);
                    }
                }
                // What is still to become a dead letter does, although its sink has gone.
                self.rejects_of(|r| r.key.sink != sink || !r.taken);
                self.rejects.iter_mut().filter(|r| r.key.sink == sink).for_each(|r| r.retired = true);
            }
        }
        Ok(())
    }

    fn decided(&mut self, d: Decision) -> Result<()> {
        let next = self.epoch.map_or(0, |e| e + 1);
        if d.epoch != next {
            return Err(Error::internal(format!(
                "decision {} follows decision {:?}: one is missing",
                d.epoch, self.epoch
            )));
        }
        self.epoch = Some(d.epoch);
        self.digest = d.digest;
        self.positions = d.positions;
        self.watermarks = d.watermarks;
        self.finished |= d.last;
        for lane in d.lanes {
            self.extend(lane, d.epoch, d.digest, d.at_millis)?;
        }
        for swap in d.swaps {
            self.swap(swap);
        }
        for (operator, refs) in d.state {
            refs.iter().for_each(|r| self.retain(&r.at));
            self.state.entry(operator).or_default().deltas.push_back((d.epoch, refs));
        }
        self.applied(&d.applied)?;
        for (key, position) in d.trimmed {
            let gone = self.lane_mut(&key)?.forget(position);
            gone.iter().for_each(|range| self.release_rows(&range.rows));
        }
        for reject in &mut self.rejects {
            reject.taken |= d.taken.contains(&reject.key);
        }
        self.rejects_done();
        Ok(())
    }

    fn extend(&mut self, l: LaneDecision, epoch: u64, digest: u64, at_millis: i64) -> Result<()> {
        l.rows.iter().for_each(|r| self.retain(&r.at));
        let lane = self.lane_mut(&l.key)?;
        if lane.decided().position != l.from {
            return Err(Error::internal(format!(
                "a decided range of sink {} does not follow the one before",
                l.key.sink
            )));
        }
        lane.version = l.units.last().map_or(lane.version, |(_, v)| v + 1);
        lane.ranges.push_back(Range { epoch, digest, at_millis, from: l.from, to: l.to, rows: l.rows, units: l.units });
        Ok(())
    }

    fn swap(&mut self, swap: Swap) {
        swap.base.iter().for_each(|r| self.retain(&r.at));
        let state = self.state.entry(swap.operator).or_default();
        let mut gone = std::mem::replace(&mut state.base, swap.base);
        while state.deltas.front().is_some_and(|(epoch, _)| *epoch <= swap.upto) {
            gone.extend(state.deltas.pop_front().into_iter().flat_map(|(_, refs)| refs));
        }
        gone.iter().for_each(|r| self.release(&r.at));
    }

    fn applied(&mut self, marks: &[AppliedMark]) -> Result<()> {
        for m in marks {
            let lane = self.lane_mut(&m.key)?;
            lane.applied = m.mark;
            if lane.prepared.as_ref().is_some_and(|p| p.to <= m.mark.position) {
                lane.prepared = None;
            }
        }
        Ok(())
    }

    /// Forgets refused rows whose dead letter is decided and which lie below what is applied: they
    /// cannot come again.
    fn rejects_done(&mut self) {
        let starts: BTreeMap<LaneKey, u64> = self.lanes().map(|(k, l)| (k, l.start.position)).collect();
        self.rejects_of(|r| {
            let key = LaneKey { sink: r.key.sink.clone(), lane: r.key.lane };
            !r.taken || (!r.retired && starts.get(&key).is_some_and(|start| r.key.position >= *start))
        });
    }

    fn rejects_of(&mut self, keep: impl Fn(&RejectEntry) -> bool) {
        let (kept, gone) = std::mem::take(&mut self.rejects).into_iter().partition(|r| keep(r));
        self.rejects = kept;
        let gone: Vec<RejectEntry> = gone;
        gone.iter().for_each(|r| self.release(&r.at.at));
    }

    /// Whether anything refers to a file.
    pub fn is_live(&self, file: &str) -> bool {
        self.live.contains_key(file)
    }

    /// For every file that is referred to, the end of the last frame.
    pub fn file_ends(&self) -> BTreeMap<String, u64> {
        let mut ends: BTreeMap<String, u64> = BTreeMap::new();
        for r in self.references() {
            let end = ends.entry(r.file.clone()).or_default();
            *end = (*end).max(r.offset + r.length);
        }
        ends
    }

    fn references(&self) -> impl Iterator<Item = &Reference> {
        let lanes = self.sinks.values().flat_map(|s| s.lanes.values());
        let rows = lanes.flat_map(|l| l.ranges.iter().flat_map(|r| r.rows.iter().map(|x| &x.at)));
        let state = self.state.values().flat_map(|s| s.refs().map(|x| &x.at));
        rows.chain(state).chain(self.rejects.iter().map(|r| &r.at.at))
    }

    /// Recounts after a load or a change by hand.
    pub fn count_references(&mut self) {
        let mut live: BTreeMap<String, u64> = BTreeMap::new();
        for r in self.references() {
            *live.entry(r.file.clone()).or_default() += 1;
        }
        self.live = live;
    }

    fn retain(&mut self, at: &Reference) {
        *self.live.entry(at.file.clone()).or_default() += 1;
    }

    fn release_rows(&mut self, rows: &[RowsRef]) {
        rows.iter().for_each(|r| self.release(&r.at));
    }

    fn release(&mut self, at: &Reference) {
        if let Some(n) = self.live.get_mut(&at.file) {
            *n -= 1;
            if *n == 0 {
                self.live.remove(&at.file);
            }
        }
    }
}

fn no_lane(key: &LaneKey) -> Error {
    Error::internal(format!("sink {} has no lane {}", key.sink, key.lane))
}
