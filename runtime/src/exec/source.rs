//! A task that reads: takes batches from its splits in order of record time, decodes, judges
//! lateness, drives its chain, and starts barriers when the coordinator asks.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tidegate_core::source::{BatchLimits, Read, Source};
use tidegate_core::split::Position;
use tidegate_core::{Result, ResultExt};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::store::SplitKey;

use super::control::{Ack, Event};
use super::drift::Drift;
use super::inbox::{Barrier, Then, torn_down};
use super::scan::ScanDecoder;
use super::split::{Outcome, SplitRun};
use super::task::TaskBase;
use super::watermarks::{END, NONE, Watermarks};

/// When a batch is closed.
#[derive(Debug, Clone, Copy)]
pub struct ReadLimits {
    /// Records.
    pub rows: usize,
    /// Bytes.
    pub bytes: usize,
    /// How long an idle task waits for the first record.
    pub wait: Duration,
}

impl Default for ReadLimits {
    fn default() -> Self {
        ReadLimits { rows: 8192, bytes: 1 << 20, wait: Duration::from_millis(5) }
    }
}

/// Split id under which the watermark of a whole scan is stored, beside those of its splits: idle
/// splits may have let it rise above their own.
pub const WHOLE_SCAN: &str = "*";

/// How often splits that had nothing are asked again while others have.
const POLL: Duration = Duration::from_millis(2);

/// How long a watermark is kept while there is more to read: each one wakes all tasks behind it.
const PACE: Duration = Duration::from_millis(50);

/// What reaches a running scan from outside.
pub enum Change {
    /// A split that has appeared.
    Split(Box<SplitRun>),
    /// The end of a split has become known; `None`: it ends by itself.
    End(SplitKey, Option<Position>),
    /// The ends of all splits are known: no more changes come.
    Bounded,
}

/// Opens a running split again, now with its end.
#[derive(Clone)]
pub struct Reopen {
    /// The source.
    pub source: Arc<dyn Source>,
    /// Where its asynchronous calls run.
    pub runtime: tokio::runtime::Handle,
}

impl Reopen {
    fn split(&self, split: &mut SplitRun, end: Option<&Position>) -> Result<()> {
        split.open_ended = false;
        if end.is_some() && split.reader.is_some() {
            let opened = self.runtime.block_on(self.source.open(&split.split, &split.position, end));
            split.reader = Some(
                opened.context(|| format!("split {}", split.split.id)).context(|| format!("table {}", split.key.0))?,
            );
            split.ready = true;
        }
        Ok(())
    }
}

/// One scan's share of a source task.
pub struct ScanRun {
    /// The source's id in the store.
    pub source: String,
    /// Its element in the chain.
    pub element: usize,
    /// The splits this task reads.
    pub splits: Vec<SplitRun>,
    /// From what is read to rows.
    pub decoder: ScanDecoder,
    /// The scan's watermark, shared with the other tasks; `None` without event time.
    pub watermarks: Option<Arc<Watermarks>>,
    /// Record times of all splits, shared with the other tasks.
    pub drift: Arc<Drift>,
    /// Splits that appear later, or get their end.
    pub changes: Option<UnboundedReceiver<Change>>,
    /// Opens a split again when its end has become known.
    pub reopen: Reopen,
    /// The watermark as last passed on.
    pub forwarded: i64,
    /// When that was.
    pub told: Instant,
}

/// A task fed by splits.
pub struct SourceTask {
    /// What every task has.
    pub base: TaskBase,
    /// The scans it reads for.
    pub scans: Vec<ScanRun>,
    /// When a batch is closed.
    pub limits: ReadLimits,
    /// The epoch that is open.
    pub epoch: u64,
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
enum Step {
    Ended,
    Idle,
    Read,
}

impl SourceTask {
    /// Runs to the last barrier.
    ///
    /// # Errors
    /// Whatever stops the job.
    pub fn run(&mut self) -> Result<()> {
        let mut ended = false;
        for scan in &mut self.scans {
            scan.forward(&mut self.base)?;
        }
        loop {
            if self.base.control.is_aborted() {
                return Err(torn_down());
            }
            if let Some(barrier) = self.base.control.asked(self.epoch) {
                self.barrier(barrier)?;
                if barrier.then != Then::Continue {
                    return Ok(());
                }
            }
            if self.base.control.is_paused() {
                std::thread::sleep(POLL);
                continue;
            }
            let mut step = Step::Ended;
            for scan in &mut self.scans {
                step = step.max(scan.step(&mut self.base, &self.limits)?);
            }
            match step {
                Step::Read => self.base.tick(false)?,
                Step::Idle => {
                    ended = false;
                    self.base.tick(true)?;
                    self.wait();
                }
                Step::Ended => {
                    if !std::mem::replace(&mut ended, true) {
                        let _ = self.base.events.send(Event::InputEnded);
                    }
                    // Other scans may still move; the last barrier comes when all tasks are here.
                    self.base.tick(true)?;
                    std::thread::sleep(POLL);
                }
            }
        }
    }

    fn barrier(&mut self, barrier: Barrier) -> Result<()> {
        let mut ack = Ack::default();
        for scan in &mut self.scans {
            scan.forward(&mut self.base)?;
            if barrier.then == Then::End {
                self.base.chain.watermark(scan.element, 0, END)?;
            }
            for split in &scan.splits {
                ack.positions.push(split.saved());
                if let Some(own) = scan.watermarks.as_ref().map(|w| w.own(split.slot)).filter(|w| *w != NONE) {
                    ack.watermarks.push((split.key.clone(), own));
                }
            }
            ack.scans.push((scan.source.clone(), scan.forwarded));
        }
        self.base.barrier(barrier, ack)?;
        self.epoch = barrier.epoch + 1;
        Ok(())
    }

    /// Waits for more: at a single split inside its reader, otherwise for a moment.
    fn wait(&mut self) {
        std::thread::sleep(self.limits.wait.min(POLL));
    }
}

impl ScanRun {
    fn step(&mut self, base: &mut TaskBase, limits: &ReadLimits) -> Result<Step> {
        self.take_changes()?;
        // One moment for the whole step: a split that had nothing is asked once, however long that took.
        let now = Instant::now();
        while let Some(i) = self.choose(now) {
            let wait = if self.splits.len() == 1 && !self.splits[i].ready { limits.wait } else { Duration::ZERO };
            let limits = BatchLimits { rows: limits.rows, bytes: limits.bytes, wait };
            match self.splits[i].read(&limits, &base.events)? {
                Outcome::Records(read) => {
                    self.records(i, read, base)?;
                    if self.told.elapsed() >= PACE {
                        self.forward(base)?;
                    }
                    return Ok(Step::Read);
                }
                Outcome::Nothing => {
                    self.drift.caught_up(self.splits[i].slot);
                    if let Some(w) = &self.watermarks {
                        w.quiet(self.splits[i].slot);
                    }
                }
                Outcome::Ended => {
                    self.drift.caught_up(self.splits[i].slot);
                    if let (Some(w), false) = (&self.watermarks, self.splits[i].open_ended) {
                        w.end(self.splits[i].slot);
                    }
                }
            }
        }
        self.forward(base)?;
        let done = self.changes.is_none() && self.splits.iter().all(|s| s.reader.is_none());
        Ok(if done { Step::Ended } else { Step::Idle })
    }

    /// The split to read next: of those that have records the one that is furthest behind in record
    /// time, now and then one that had none. `None`: all are waiting, ended, or too far ahead.
    fn choose(&mut self, now: Instant) -> Option<usize> {
        let readable = |s: &SplitRun| s.reader.is_some();
        if let Some(i) = self.splits.iter().position(|s| readable(s) && !s.ready && now.duration_since(s.asked) >= POLL)
        {
            self.splits[i].asked = now;
            return Some(i);
        }
        let ready = self.splits.iter().enumerate().filter(|(_, s)| readable(s) && s.ready);
        let (i, next) = ready.min_by_key(|(_, s)| s.last_time)?;
        self.drift.may_read(next.slot, next.last_time, next.span).then_some(i)
    }

    fn records(&mut self, i: usize, read: Read, base: &mut TaskBase) -> Result<()> {
        base.control.touch();
        let split = &mut self.splits[i];
        let standing = self.watermarks.as_ref().map(|w| w.standing(split.slot));
        let (rows, position) = match read {
            Read::Messages(raw) => {
                let m = &split.metrics;
                m.records.fetch_add(raw.records.len() as u64, Ordering::Relaxed);
                m.bytes.fetch_add(raw.data.len() as u64, Ordering::Relaxed);
                m.behind.store(raw.behind.map_or(-1, |b| b as i64), Ordering::Relaxed);
                if let (Some(first), Some(last)) = (raw.records.first(), raw.records.last())
                    && last.timestamp >= 0
                {
                    split.span = last.timestamp - first.timestamp;
                    split.last_time = last.timestamp;
                }
                let next = raw.next.clone();
                (self.decoder.messages(raw, standing, &mut base.chain.output(self.element)?), next)
            }
            Read::Rows(rows, next) => {
                split.metrics.records.fetch_add(rows.len() as u64, Ordering::Relaxed);
                split.metrics.bytes.fetch_add(rows.rows.get_array_memory_size() as u64, Ordering::Relaxed);
                (self.decoder.rows(&rows, standing, &mut base.chain.output(self.element)?), next)
            }
            Read::Nothing | Read::End => return Ok(()),
        };
        let rows = rows.map_err(|e| base.chain.locate(self.element, e))?;
        if let (Some(w), Some(own)) = (&self.watermarks, rows.own) {
            w.advance(split.slot, own);
            split.metrics.watermark.store(own, Ordering::Relaxed);
        }
        self.drift.read(split.slot, split.last_time);
        base.chain.process(self.element, 0, rows.batch)?;
        *split.metrics.position.lock() = position.0.clone();
        split.position = position;
        Ok(())
    }

    /// Passes the scan's watermark on where it has risen.
    fn forward(&mut self, base: &mut TaskBase) -> Result<()> {
        let Some(now) = self.watermarks.as_ref().map(|w| w.now()) else { return Ok(()) };
        if now > self.forwarded {
            (self.forwarded, self.told) = (now, Instant::now());
            base.chain.watermark(self.element, 0, now)?;
        }
        Ok(())
    }

    fn take_changes(&mut self) -> Result<()> {
        while let Some(changes) = self.changes.as_mut() {
            match changes.try_recv() {
                Ok(Change::Split(new)) => self.splits.push(*new),
                Ok(Change::End(key, end)) => {
                    if let Some(split) = self.splits.iter_mut().find(|s| s.key == key) {
                        self.reopen.split(split, end.as_ref())?;
                    }
                }
                Ok(Change::Bounded) | Err(tokio::sync::mpsc::error::TryRecvError::Disconnected) => self.changes = None,
                Err(tokio::sync::mpsc::error::TryRecvError::Empty) => return Ok(()),
            }
        }
        Ok(())
    }
}
