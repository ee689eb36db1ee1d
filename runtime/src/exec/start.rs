//! Where every split starts and ends: what the store remembers, what the command line, the table or
//! the dialect says.
//!
//! Start: stored position > `--from` (topics only) > the table's own start > the dialect's default
//! (Flink: the oldest record; Blink and UFlink: after the newest). A split that appears in a source
//! that has been read before starts at its beginning.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_core::registry::Opener;
use tidegate_core::source::Source;
use tidegate_core::split::{Bound, Position, Split, StartMode};
use tidegate_core::table::{BoundTable, Resource};
use tidegate_core::{Clock, Dialect, Error, Result, ResultExt, Retry};
use tidegate_plan::{NodeId, Op, Plan};
use tokio::sync::watch;

use crate::metrics::{JobMetrics, SourceMetrics, SplitMetrics};
use crate::store::{Positions, SavedPosition, SplitKey};

use super::coordinator::KnownSplits;
use super::drift::Drift;
use super::source::WHOLE_SCAN;
use super::split::SplitRun;
use super::values::Values;
use super::watermarks::{NONE, Watermarks};

/// What the command line says about starts and ends.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// `--from`
    pub from: Option<StartMode>,
    /// `--until`
    pub until: Option<Bound>,
    /// By `log:name` or `table:name`: turns true when the jobs that write it have committed their
    /// last epoch. Such a source ends where it then ends, whatever `until` says.
    pub upstream: BTreeMap<String, watch::Receiver<bool>>,
    /// `--skip-lost`: records that are gone are passed over; otherwise they stop the start.
    pub skip_lost: bool,
}

/// A source that has been opened.
pub struct OpenedSource {
    /// The scan (or constant rows).
    pub node: NodeId,
    /// Its id in the store: the table's name, `name#2` for a second scan of it.
    pub id: String,
    /// The source.
    pub source: Arc<dyn Source>,
    /// Its splits now.
    pub splits: Vec<Split>,
    /// The table; `None` for constant rows.
    pub table: Option<BoundTable>,
}

/// Source id under which the ends of a source's splits are stored beside its positions.
pub fn ends_of(source: &str) -> String {
    format!("{source} until")
}

/// Opens all sources of a plan.
///
/// # Errors
/// A source that cannot be reached or does not exist.
pub async fn open_sources(
    plan: &Plan,
    nodes: &[NodeId],
    opener: &dyn Opener,
    clock: &dyn Clock,
) -> Result<Vec<OpenedSource>> {
    let mut out: Vec<OpenedSource> = Vec::new();
    for &node in nodes {
        let (id, source, table): (String, Arc<dyn Source>, _) = match &plan.nodes[node].op {
            Op::Values(rows) => {
                (plan.nodes[node].id.clone(), Arc::new(Values::new(&plan.nodes[node], rows, clock)?), None)
            }
            Op::Scan(scan) => {
                let table = plan.tables.get(scan.table).ok_or_else(|| Error::internal("a scan without table"))?;
                let name = &table.spec.name;
                let same = out.iter().filter(|s| s.table.as_ref().is_some_and(|t| t.spec.name == *name)).count();
                let id = if same == 0 { name.clone() } else { format!("{name}#{}", same + 1) };
                let source = patiently(|| opener.source(table)).await.context(|| format!("table {name}"))?;
                (id, source, Some(table.clone()))
            }
            _ => continue,
        };
        let splits = patiently(|| source.splits()).await.context(|| format!("table {id}"))?;
        out.push(OpenedSource { node, id, source, splits, table });
    }
    Ok(out)
}

/// How long [`patiently`] goes on trying.
const PATIENCE: Duration = Duration::from_secs(12);
/// A call that takes this long has waited for an answer.
const WAITED: Duration = Duration::from_millis(1500);

/// Tries again for some seconds what is worth trying again: servers start together with the job.
///
/// # Errors
/// The last one.
pub async fn patiently<T, F: Future<Output = Result<T>>>(call: impl Fn() -> F) -> Result<T> {
    let started = tokio::time::Instant::now();
    let mut pause = Duration::from_millis(100);
    loop {
        let called = tokio::time::Instant::now();
        match call().await {
            // A call that has waited itself has been patient enough.
            Err(e)
                if e.retry_advice() != Retry::Never
                    && called.elapsed() < WAITED
                    && started.elapsed() + pause < PATIENCE =>
            {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            other => return other,
        }
    }
}

/// A source with everything its tasks share.
pub struct Feed {
    /// The source.
    pub opened: OpenedSource,
    /// Its watermark.
    pub watermarks: Option<Arc<Watermarks>>,
    /// Record times.
    pub drift: Arc<Drift>,
    /// Counters.
    pub metrics: Arc<SourceMetrics>,
    /// Its splits by id.
    pub known: KnownSplits,
    /// The next slot.
    slots: Arc<parking_lot::Mutex<usize>>,
    /// Turns true when what is upstream has ended.
    pub upstream: Option<watch::Receiver<bool>>,
    /// Where it ends, unless upstream says.
    pub bound: Option<Bound>,
}

/// Where splits stand at the start, and what is new about it.
#[derive(Default)]
pub struct Starts {
    /// All positions and ends, for the decision.
    pub positions: Positions,
    /// Something in them was not in the store.
    pub changed: bool,
    /// For people.
    pub messages: Vec<String>,
    ends: BTreeMap<SplitKey, Position>,
}

impl Feed {
    /// Makes the shared parts. `remembered`: the watermarks of the store.
    pub fn new(
        opened: OpenedSource,
        plan: &Plan,
        metrics: &JobMetrics,
        ask: &Ask,
        remembered: &BTreeMap<SplitKey, i64>,
    ) -> Feed {
        let node = opened.node;
        let event_time = match &plan.nodes[node].op {
            Op::Scan(scan) => scan.event_time.as_ref(),
            _ => None,
        };
        let watermarks = event_time.map(|e| {
            let idle =
                e.idle_timeout_ms.and_then(|ms| u64::try_from(ms).ok()).filter(|ms| *ms > 0).map(Duration::from_millis);
            let whole = remembered.get(&(opened.id.clone(), WHOLE_SCAN.to_owned())).copied().unwrap_or(NONE);
            Arc::new(Watermarks::new(idle, whole))
        });
        let source = Arc::new(SourceMetrics {
            table: opened.id.clone(),
            splits: parking_lot::Mutex::new(Vec::new()),
            watermarks: watermarks.clone(),
            scan: metrics.operators[node].1.clone(),
        });
        metrics.sources.lock().push(source.clone());
        let upstream = opened.table.as_ref().and_then(|t| names(t).iter().find_map(|n| ask.upstream.get(n).cloned()));
        let bound = opened.table.as_ref().and_then(|t| ask.until.clone().or(t.binding.bound.clone()));
        Feed {
            opened,
            watermarks,
            drift: Arc::default(),
            metrics: source,
            known: Arc::default(),
            slots: Arc::default(),
            upstream,
            bound,
        }
    }

    /// Finds the start and the end of every split.
    ///
    /// # Errors
    /// A split whose stored position means nothing any more; a start that cannot be answered.
    pub async fn resolve(&self, remembered: &Positions, ask: &Ask, starts: &mut Starts) -> Result<()> {
        let id = &self.opened.id;
        let known = remembered.keys().any(|(source, _)| source == id);
        let mut skipped = 0;
        for split in &self.opened.splits {
            let place = || format!("table {id}, split {}", split.id);
            let key = (id.clone(), split.id.clone());
            let saved = match remembered.get(&key) {
                Some(saved) => match self.still_there(split, saved, ask, starts).await.context(place)? {
                    None => saved.clone(),
                    Some(resume) => {
                        starts.changed = true;
                        SavedPosition { position: resume, identity: split.identity.clone() }
                    }
                },
                None => {
                    let mode = if known { StartMode::Earliest } else { self.start_mode(ask) };
                    let resolved = patiently(|| self.opened.source.resolve(split, &mode)).await.context(place)?;
                    skipped += resolved.skipped.unwrap_or(0);
                    starts.changed = true;
                    SavedPosition { position: resolved.position, identity: split.identity.clone() }
                }
            };
            starts.positions.insert(key.clone(), saved);
            self.end(split, &key, remembered, starts).await.context(place)?;
        }
        if let Some(((_, split), _)) =
            remembered.iter().find(|((s, split), _)| s == id && !self.opened.splits.iter().any(|x| x.id == *split))
        {
            let gone = format!("split {split} of table {id} has been read before and is gone");
            if !ask.skip_lost {
                return Err(Error::user(gone)
                    .help("--skip-lost goes on without it; --fresh-state starts anew with what is there now"));
            }
            starts.changed = true;
            starts.messages.push(gone);
        }
        if skipped > 0 {
            let hint =
                if matches!(self.start_mode(ask), StartMode::Earliest) { "" } else { "; --from earliest reads them" };
            starts.messages.push(format!("table {id}: starting behind {skipped} existing records{hint}"));
        }
        Ok(())
    }

    /// Whether a stored position can be gone on from. `Some`: not, and the loss is accepted; go on here.
    async fn still_there(
        &self,
        split: &Split,
        saved: &SavedPosition,
        ask: &Ask,
        starts: &mut Starts,
    ) -> Result<Option<Position>> {
        let id = &self.opened.id;
        let (what, records, resume) = if saved.identity == split.identity {
            match patiently(|| self.opened.source.lost(split, &saved.position)).await? {
                None => return Ok(None),
                Some(lost) => (lost.what, lost.records, lost.resume),
            }
        } else {
            let what = "the topic or table has been deleted and made again".to_owned();
            let start = patiently(|| self.opened.source.resolve(split, &StartMode::Earliest)).await?;
            (what, None, start.position)
        };
        if !ask.skip_lost {
            return Err(Error::user(format!("what was to be read next, from {} on, is gone: {what}", saved.position))
                .help(
                    "--skip-lost goes on with the oldest record there is and keeps all state; --fresh-state starts anew \
                     with what is there now",
                ));
        }
        let count = records.map_or_else(String::new, |n| format!(" ({n} records)"));
        starts.messages.push(format!(
            "table {id}, split {}: lost from {} on{count}: {what}; going on from {resume}",
            split.id, saved.position
        ));
        Ok(Some(resume))
    }

    async fn end(&self, split: &Split, key: &SplitKey, remembered: &Positions, starts: &mut Starts) -> Result<()> {
        let (None, Some(bound)) = (&self.upstream, &self.bound) else { return Ok(()) };
        let asked = serde_json::to_string(bound).map_err(|e| Error::internal(e.to_string()))?;
        let stored = (ends_of(&key.0), key.1.clone());
        // A restart keeps the end it was given, unless another one is asked for.
        if let Some(saved) = remembered.get(&stored).filter(|s| s.identity == asked) {
            starts.ends.insert(key.clone(), saved.position.clone());
            starts.positions.insert(stored, saved.clone());
        } else if let Some(end) = patiently(|| self.opened.source.bound(split, bound)).await? {
            starts.ends.insert(key.clone(), end.clone());
            starts.positions.insert(stored, SavedPosition { position: end, identity: asked });
            starts.changed = true;
        }
        Ok(())
    }

    fn start_mode(&self, ask: &Ask) -> StartMode {
        let Some(table) = &self.opened.table else { return StartMode::Earliest };
        let is_log = matches!(table.binding.resource, Resource::Log { .. });
        let default = match table.spec.dialect {
            Dialect::Blink | Dialect::UFlink if is_log => StartMode::Latest,
            Dialect::Flink | Dialect::Blink | Dialect::UFlink => StartMode::Earliest,
        };
        ask.from.clone().filter(|_| is_log).or(table.binding.start.clone()).unwrap_or(default)
    }

    /// Opens a split as found by [`Feed::resolve`].
    ///
    /// # Errors
    /// A position that is no longer there.
    pub async fn open(&self, split: &Split, starts: &Starts, watermark: i64) -> Result<SplitRun> {
        let key = (self.opened.id.clone(), split.id.clone());
        let at = starts.positions.get(&key).ok_or_else(|| Error::internal("a split without start"))?;
        let end = starts.ends.get(&key);
        self.opener().open(split, &at.position, end, watermark, self.upstream.is_some()).await
    }

    /// Splits that start at their end no longer hold the watermark back. Otherwise it would depend on
    /// which task asks first whether a row of another split is late.
    pub fn end_empty<'a>(&self, splits: impl Iterator<Item = &'a SplitRun>, starts: &Starts) {
        let Some(watermarks) = &self.watermarks else { return };
        for split in splits.filter(|s| !s.open_ended && starts.ends.get(&s.key) == Some(&s.position)) {
            watermarks.end(split.slot);
        }
    }

    /// What opens splits later.
    pub fn opener(&self) -> SplitOpener {
        SplitOpener {
            id: self.opened.id.clone(),
            source: self.opened.source.clone(),
            watermarks: self.watermarks.clone(),
            metrics: self.metrics.clone(),
            known: self.known.clone(),
            slots: self.slots.clone(),
        }
    }
}

/// Opens splits of one source.
#[derive(Clone)]
pub struct SplitOpener {
    id: String,
    /// The source.
    pub source: Arc<dyn Source>,
    watermarks: Option<Arc<Watermarks>>,
    metrics: Arc<SourceMetrics>,
    /// The splits opened so far, by id.
    pub known: KnownSplits,
    slots: Arc<parking_lot::Mutex<usize>>,
}

impl SplitOpener {
    /// Under which a split is stored.
    pub fn key(&self, split: &Split) -> SplitKey {
        (self.id.clone(), split.id.clone())
    }
    /// Opens a split.
    ///
    /// # Errors
    /// A position that is no longer there.
    pub async fn open(
        &self,
        split: &Split,
        at: &Position,
        end: Option<&Position>,
        watermark: i64,
        open_ended: bool,
    ) -> Result<SplitRun> {
        let place = || format!("table {}, split {}", self.id, split.id);
        let reader = patiently(|| self.source.open(split, at, end)).await.context(place)?;
        let slot = match &self.watermarks {
            Some(w) => w.add(&split.id, watermark),
            None => {
                let mut next = self.slots.lock();
                *next += 1;
                *next - 1
            }
        };
        let metrics = Arc::new(SplitMetrics::new(&split.id, &at.0));
        self.metrics.splits.lock().push(metrics.clone());
        self.known.lock().insert(split.id.clone(), split.clone());
        let mut run = SplitRun::new(self.key(split), split.clone(), reader, slot, metrics);
        run.open_ended = open_ended;
        Ok(run)
    }
}

/// What a table stands for, as named in [`Ask::upstream`].
fn names(table: &BoundTable) -> Vec<String> {
    match &table.binding.resource {
        Resource::Log { topics, .. } => topics.iter().map(|t| format!("log:{t}")).collect(),
        Resource::Table { name } => vec![format!("table:{name}")],
        Resource::Own => Vec::new(),
    }
}
