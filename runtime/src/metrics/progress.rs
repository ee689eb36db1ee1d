//! What a running job tells about itself: one consistent-enough snapshot for people and scrapers.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use crate::commit::SinkProgress;

use super::{JobMetrics, SourceMetrics};

/// A snapshot of a job.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// The job's name.
    pub job: String,
    /// When it started, ms.
    pub started_millis: i64,
    /// When the snapshot was taken, ms; with the row counts of two snapshots this gives rates.
    pub now_millis: i64,
    /// The last decided epoch.
    pub epoch: Option<u64>,
    /// The newest epoch that every sink has applied.
    pub applied_epoch: Option<u64>,
    /// From decision to acknowledgement by the target, of the slowest sink, ms.
    pub commit_delay_ms: u64,
    /// Rows read by all sources since the start.
    pub rows_read: u64,
    /// The INSERTs, in order.
    pub inserts: Vec<InsertProgress>,
    /// The sources.
    pub sources: Vec<SourceProgress>,
    /// The operators, in plan order.
    pub operators: Vec<OperatorProgress>,
    /// The sinks by id: decided, applied, why absent.
    pub sinks: BTreeMap<String, SinkProgress>,
    /// Rows that came after their window had closed.
    pub late: u64,
    /// Bad rows that went to the dead-letter table.
    pub dead_letters: u64,
    /// Bad rows that were counted and left out.
    pub ignored: u64,
    /// Everything counted by name, over all operators: count and one sample place.
    pub counts: BTreeMap<String, (u64, String)>,
    /// Entries in the state of all operators.
    pub state_entries: u64,
    /// Bytes decided but not applied.
    pub pending_bytes: u64,
    /// Bytes of the epoch that is open.
    pub open_bytes: u64,
    /// Sources wait until sinks have caught up.
    pub paused: bool,
}

/// One INSERT.
#[derive(Debug, Clone)]
pub struct InsertProgress {
    /// Its number in the file, from 1.
    pub number: usize,
    /// The target table.
    pub table: String,
    /// The sink's id.
    pub sink: String,
    /// Rows (changes) that reached the sink since the start.
    pub rows: u64,
}

/// One source table.
#[derive(Debug, Clone)]
pub struct SourceProgress {
    /// The table.
    pub table: String,
    /// Records read since the start.
    pub records: u64,
    /// Bytes read since the start.
    pub bytes: u64,
    /// Rows that went on after decoding and the pushed filter.
    pub rows: u64,
    /// Records not yet read, where every split knows.
    pub behind: Option<u64>,
    /// The watermark, ms.
    pub watermark: Option<i64>,
    /// The split that holds the watermark back although others are further on, and for how long it
    /// has given nothing, ms.
    pub held_by: Option<(String, u64)>,
    /// The splits.
    pub splits: Vec<SplitProgress>,
}

/// One split.
#[derive(Debug, Clone)]
pub struct SplitProgress {
    /// Its id in the source.
    pub id: String,
    /// Where reading goes on.
    pub position: String,
    /// Records not yet read.
    pub behind: Option<u64>,
    /// Its watermark, ms.
    pub watermark: Option<i64>,
    /// It has come to its end.
    pub ended: bool,
}

/// One operator.
#[derive(Debug, Clone)]
pub struct OperatorProgress {
    /// What it is: `GroupAggregate(question_id)`.
    pub label: String,
    /// Rows taken.
    pub rows_in: u64,
    /// Rows given.
    pub rows_out: u64,
    /// Rows that came too late.
    pub late: u64,
    /// Entries in state.
    pub state_entries: u64,
}

impl Progress {
    /// Rows in per second since an earlier snapshot.
    pub fn rows_per_second(&self, before: &Progress) -> f64 {
        let ms = (self.now_millis - before.now_millis).max(1) as f64;
        self.rows_read.saturating_sub(before.rows_read) as f64 * 1000.0 / ms
    }

    pub(crate) fn fill(&mut self, metrics: &JobMetrics) {
        for (label, m) in &metrics.operators {
            let get = |c: &std::sync::atomic::AtomicU64| c.load(Ordering::Relaxed);
            self.late += get(&m.late);
            self.state_entries += get(&m.state_entries);
            for (name, (n, sample)) in m.named() {
                let entry = self.counts.entry(name).or_insert((0, sample));
                entry.0 += n;
            }
            self.operators.push(OperatorProgress {
                label: label.clone(),
                rows_in: get(&m.rows_in),
                rows_out: get(&m.rows_out),
                late: get(&m.late),
                state_entries: get(&m.state_entries),
            });
        }
        self.inserts = metrics
            .inserts
            .iter()
            .map(|i| InsertProgress {
                number: i.number,
                table: i.table.clone(),
                sink: i.sink.clone(),
                rows: i.rows_in.load(Ordering::Relaxed),
            })
            .collect();
        self.sources = metrics.sources.lock().iter().map(|s| source(s)).collect();
        self.rows_read = self.sources.iter().map(|s| s.records).sum();
        self.dead_letters = metrics.dead_letters.load(Ordering::Relaxed);
        self.ignored = metrics.ignored.load(Ordering::Relaxed);
        self.add_refused();
    }

    /// Rows that targets refused are bad rows like those that were found on the way.
    fn add_refused(&mut self) {
        for (id, sink) in self.sinks.iter().filter(|(_, s)| s.rejected_rows > 0) {
            self.ignored += sink.ignored_rows;
            self.dead_letters += sink.rejected_rows - sink.ignored_rows;
            let first = sink.first_rejected.clone().unwrap_or_default();
            self.counts.insert(format!("refused:{id}"), (sink.rejected_rows, first));
        }
    }
}

fn source(s: &SourceMetrics) -> SourceProgress {
    let time = |t: i64| (t != i64::MIN && t != i64::MAX).then_some(t);
    let splits = s.splits.lock();
    let all: Vec<SplitProgress> = splits
        .iter()
        .map(|p| SplitProgress {
            id: p.id.clone(),
            position: p.position.lock().clone(),
            behind: u64::try_from(p.behind.load(Ordering::Relaxed)).ok(),
            watermark: time(p.watermark.load(Ordering::Relaxed)),
            ended: p.ended.load(Ordering::Relaxed),
        })
        .collect();
    SourceProgress {
        table: s.table.clone(),
        records: splits.iter().map(|p| p.records.load(Ordering::Relaxed)).sum(),
        bytes: splits.iter().map(|p| p.bytes.load(Ordering::Relaxed)).sum(),
        rows: s.scan.rows_out.load(Ordering::Relaxed),
        behind: all.iter().map(|p| p.behind).sum(),
        watermark: s.watermarks.as_ref().and_then(|w| time(w.now())),
        held_by: s.watermarks.as_ref().and_then(|w| w.holder()).map(|(id, d)| (id, d.as_millis() as u64)),
        splits: all,
    }
}
