//! A topic in memory, a fenced target in memory, and what opens them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use async_trait::async_trait;
use parking_lot::Mutex;
use tidegate_core::fencing::{check_apply, claimed};
use tidegate_core::lookup::LookupSource;
use tidegate_core::raw::{ByteRange, RawBatch, RawRecord};
use tidegate_core::registry::Opener;
use tidegate_core::sink::{ApplyUnit, CommitOutcome, Fence, FencedSink, OpenSink, Scope, SinkInput, SinkLevel};
use tidegate_core::source::{BatchLimits, Read, Resolved, Source, SplitReader};
use tidegate_core::split::{Bound, Position, Split, StartMode};
use tidegate_core::table::BoundTable;
use tidegate_core::{Error, Result, RowKind};

/// A topic: for each partition its messages with record times.
#[derive(Default)]
pub struct Topic {
    pub partitions: Mutex<Vec<Vec<(i64, String)>>>,
    /// Readers end where the messages end, without being asked to.
    pub finite: AtomicBool,
    pub applied: Mutex<BTreeMap<String, String>>,
    /// Partitions whose reader stands still once it has read everything.
    pub shut: Mutex<BTreeSet<usize>>,
}

impl Topic {
    pub fn new(partitions: usize) -> Arc<Topic> {
        Arc::new(Topic { partitions: Mutex::new(vec![Vec::new(); partitions]), ..Topic::default() })
    }
    pub fn push(&self, partition: usize, time: i64, json: String) {
        self.partitions.lock()[partition].push((time, json));
    }
    pub fn shut(&self, partition: usize) {
        self.shut.lock().insert(partition);
    }
    fn len(&self, partition: i32) -> usize {
        self.partitions.lock()[partition as usize].len()
    }
}

struct TopicSource {
    name: String,
    topic: Arc<Topic>,
}

fn at(p: &Position) -> usize {
    p.0.parse().unwrap()
}

#[async_trait]
impl Source for TopicSource {
    async fn splits(&self) -> Result<Vec<Split>> {
        let n = self.topic.partitions.lock().len();
        let split = |i| Split {
            id: format!("{}-{i}", self.name),
            topic: self.name.clone(),
            partition: i as i32,
            identity: "one".into(),
        };
        Ok((0..n).map(split).collect())
    }
    async fn resolve(&self, split: &Split, mode: &StartMode) -> Result<Resolved> {
        let n = if *mode == StartMode::Latest { self.topic.len(split.partition) } else { 0 };
        Ok(Resolved { position: Position(n.to_string()), skipped: Some(n as u64) })
    }
    async fn bound(&self, split: &Split, _: &Bound) -> Result<Option<Position>> {
        Ok(Some(Position(self.topic.len(split.partition).to_string())))
    }
    async fn open(&self, split: &Split, from: &Position, end: Option<&Position>) -> Result<Box<dyn SplitReader>> {
        Ok(Box::new(TopicReader { topic: self.topic.clone(), split: split.clone(), next: at(from), end: end.map(at) }))
    }
    async fn applied(&self, positions: &[(Split, Position)]) -> Result<()> {
        self.topic.applied.lock().extend(positions.iter().map(|(s, p)| (s.id.clone(), p.0.clone())));
        Ok(())
    }
    fn discovery_interval(&self) -> Option<Duration> {
        Some(Duration::from_millis(20))
    }
}

struct TopicReader {
    topic: Arc<Topic>,
    split: Split,
    next: usize,
    end: Option<usize>,
}

impl SplitReader for TopicReader {
    fn read(&mut self, limits: &BatchLimits) -> Result<Read> {
        let partition = self.split.partition;
        while self.next >= self.topic.len(partition) && self.topic.shut.lock().contains(&(partition as usize)) {
            std::thread::sleep(Duration::from_millis(1));
        }
        if self.next >= self.end.unwrap_or(self.topic.len(partition)) {
            std::thread::sleep(limits.wait);
        }
        let partitions = self.topic.partitions.lock();
        let all = &partitions[self.split.partition as usize];
        let end = self.end.unwrap_or(all.len());
        if self.next >= end {
            return Ok(if self.end.is_some() || self.topic.finite.load(Ordering::Relaxed) {
                Read::End
            } else {
                Read::Nothing
            });
        }
        let to = end.min(self.next + limits.rows);
        let mut data = Vec::new();
        let mut records = Vec::new();
        for (i, (time, text)) in all[self.next..to].iter().enumerate() {
            let start = data.len() as u32;
            data.extend_from_slice(text.as_bytes());
            let value = Some(ByteRange { start, end: data.len() as u32 });
            records.push(RawRecord {
                key: None,
                value,
                headers: None,
                offset: (self.next + i) as i64,
                timestamp: *time,
                broker: tidegate_core::raw::BrokerFacts::default(),
            });
        }
        self.next = to;
        Ok(Read::Messages(RawBatch {
            topic: self.split.topic.as_str().into(),
            partition: self.split.partition,
            data: data.into(),
            records,
            next: self.position(),
            behind: Some((all.len() - to) as u64),
        }))
    }
    fn position(&self) -> Position {
        Position(self.next.to_string())
    }
}

/// A target: what has been applied, in order, and the fences, in one atomic place.
#[derive(Default)]
pub struct Target {
    pub inner: Mutex<Applied>,
    pub absent: AtomicBool,
    /// Never answers.
    pub silent: AtomicBool,
}

#[derive(Default)]
pub struct Applied {
    fences: BTreeMap<Scope, Fence>,
    /// Kind and columns (BIGINT ones; others as text are not needed here).
    pub rows: Vec<(RowKind, Vec<Option<i64>>)>,
    /// Text columns of the rows, in step with `rows`.
    pub texts: Vec<Vec<Option<String>>>,
}

impl Target {
    pub fn rows(&self) -> Vec<(RowKind, Vec<Option<i64>>)> {
        self.inner.lock().rows.clone()
    }
    /// The newest row of each key (the first `key` columns), deletes applied.
    pub fn table(&self, key: usize) -> BTreeMap<Vec<Option<i64>>, Vec<Option<i64>>> {
        let mut out = BTreeMap::new();
        for (kind, row) in &self.inner.lock().rows {
            if kind.is_addition() {
                out.insert(row[..key].to_vec(), row.clone());
            } else {
                out.remove(&row[..key]);
            }
        }
        out
    }
    /// All rows, sorted: for append plans.
    pub fn multiset(&self) -> Vec<Vec<Option<i64>>> {
        let mut out: Vec<_> = self.inner.lock().rows.iter().map(|(_, r)| r.clone()).collect();
        out.sort();
        out
    }
}

struct TargetSink(Arc<Target>);

#[async_trait]
impl FencedSink for TargetSink {
    async fn read_fence(&self, scope: &Scope) -> Result<Option<Fence>> {
        Ok(self.0.inner.lock().fences.get(scope).cloned())
    }
    async fn claim(&self, scope: &Scope, fence: &Fence) -> Result<Option<Fence>> {
        let mut inner = self.0.inner.lock();
        let before = inner.fences.get(scope).cloned();
        inner.fences.insert(scope.clone(), claimed(before.as_ref(), fence));
        Ok(before)
    }
    async fn apply(&self, unit: &ApplyUnit) -> CommitOutcome {
        if self.0.absent.load(Ordering::Relaxed) {
            return CommitOutcome::RetryLater(Duration::from_millis(10));
        }
        if self.0.silent.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let mut inner = self.0.inner.lock();
        if let Err(outcome) = check_apply(inner.fences.get(&unit.scope), unit) {
            return outcome;
        }
        for change in &unit.rows {
            for row in 0..change.len() {
                let ints = change.rows.columns().iter().map(|c| {
                    let ints = c.as_primitive_opt::<Int64Type>()?;
                    arrow_array::Array::is_valid(ints, row).then(|| ints.value(row))
                });
                let texts = change.rows.columns().iter().map(|c| {
                    let text = c.as_string_opt::<i32>()?;
                    arrow_array::Array::is_valid(text, row).then(|| text.value(row).to_owned())
                });
                let (ints, texts) = (ints.collect(), texts.collect());
                inner.rows.push((change.kind(row), ints));
                inner.texts.push(texts);
            }
        }
        inner.fences.insert(unit.scope.clone(), unit.fence.clone());
        CommitOutcome::Committed
    }
    async fn retire(&self, scope: &Scope) -> Result<()> {
        self.0.inner.lock().fences.remove(scope);
        Ok(())
    }
}

/// All topics and targets by table name.
#[derive(Default)]
pub struct World {
    pub topics: BTreeMap<String, Arc<Topic>>,
    pub targets: BTreeMap<String, Arc<Target>>,
}

#[async_trait]
impl Opener for World {
    async fn source(&self, table: &BoundTable) -> Result<Arc<dyn Source>> {
        let name = table.spec.name.clone();
        let topic = self.topics.get(&name).cloned().ok_or_else(|| Error::user("no such topic"))?;
        Ok(Arc::new(TopicSource { name, topic }))
    }
    async fn sink(&self, table: &BoundTable) -> Result<OpenSink> {
        let name = &table.spec.name;
        let level = match self.targets.get(name) {
            Some(t) => SinkLevel::Fenced(Box::new(TargetSink(t.clone()))),
            None => SinkLevel::Discard,
        };
        Ok(OpenSink { input: SinkInput::Columns, level, identity: name.clone() })
    }
    async fn lookup(&self, _: &BoundTable, _: &[String]) -> Result<Arc<dyn LookupSource>> {
        Err(Error::internal("no lookups here"))
    }
}
