//! A target in memory at every level, and a small job that writes to it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tidegate_core::lookup::LookupSource;
use tidegate_core::registry::Opener;
use tidegate_core::sink::{
    Admits, ApplyUnit, CommitOutcome, Committable, Fence, FencedSink, OpenSink, Scope, Sink, SinkInput, SinkLevel,
    TwoPhaseCommitSink, UpsertSink,
};
use tidegate_core::source::Source;
use tidegate_core::table::BoundTable;
use tidegate_core::{ChangeBatch, Error, Result};

use crate::commit::{CommitOptions, Committers, OnReject, start_committers};
use crate::store::tests::support::{OPERATOR, clock, contents, options, position_of, restore, small, state_at, values};
use crate::store::{EpochContents, OpenOptions, Storage, Store};

/// What survives every crash of ours: the server.
#[derive(Clone, Default)]
pub struct Memory(pub Arc<Mutex<Server>>);

/// Something that somebody else does to the fences.
type Meanwhile = Box<dyn FnOnce(&mut BTreeMap<Scope, Fence>) + Send>;

/// A server with one table a sink.
#[derive(Default)]
pub struct Server {
    /// By sink id.
    pub rows: BTreeMap<String, Vec<i64>>,
    pub fences: BTreeMap<Scope, Fence>,
    /// Sinks that do not answer.
    pub down: BTreeSet<String>,
    /// Calls that the user has no right to.
    pub denied: BTreeSet<&'static str>,
    /// What happens between a start's reading of the fences and its next claim.
    pub before_claim: Option<Meanwhile>,
    /// Numbers that are refused.
    pub refused: BTreeSet<i64>,
    /// Every n-th answer gets lost after the work is done.
    pub lose_every: u64,
    pub identity: String,
    pub units: Vec<(u64, u64, i64)>,
    prepared: BTreeMap<String, (String, Vec<i64>)>,
    committed: BTreeSet<String>,
    calls: u64,
}

impl Server {
    fn answer_is_lost(&mut self) -> bool {
        self.calls += 1;
        self.lose_every > 0 && self.calls.is_multiple_of(self.lose_every)
    }
    fn refusals(&self, rows: &[i64]) -> Option<CommitOutcome> {
        let bad: Vec<_> = rows
            .iter()
            .enumerate()
            .filter(|(_, v)| self.refused.contains(v))
            .map(|(i, v)| (i as u64, format!("{v} is refused")))
            .collect();
        (!bad.is_empty()).then_some(CommitOutcome::Rejected(bad))
    }
}

struct Table {
    server: Memory,
    name: String,
}

fn numbers(rows: &[ChangeBatch]) -> Vec<i64> {
    rows.iter().flat_map(values).collect()
}

impl Table {
    fn check(&self, server: &Server) -> Result<()> {
        if server.down.contains(&self.name) { Err(Error::external("connection refused")) } else { Ok(()) }
    }
    fn may(&self, server: &Server, call: &'static str) -> Result<()> {
        self.check(server)?;
        let denied = || Error::user(format!("no right to {call}")).help("grant it");
        if server.denied.contains(call) { Err(denied()) } else { Ok(()) }
    }
}

#[async_trait]
impl FencedSink for Table {
    async fn read_fence(&self, scope: &Scope) -> Result<Option<Fence>> {
        let server = self.server.0.lock();
        self.may(&server, "read")?;
        Ok(server.fences.get(scope).cloned())
    }
    async fn claim(&self, scope: &Scope, fence: &Fence) -> Result<Option<Fence>> {
        self.claim_if(scope, fence, Arc::new(|_| true)).await
    }
    async fn claim_if(&self, scope: &Scope, fence: &Fence, admits: Admits) -> Result<Option<Fence>> {
        let mut server = self.server.0.lock();
        self.may(&server, "claim")?;
        if let Some(hook) = server.before_claim.take() {
            hook(&mut server.fences);
        }
        let before = server.fences.get(scope).cloned();
        if !admits(before.as_ref()) {
            return Ok(before);
        }
        let kept = before.clone().unwrap_or_else(|| fence.clone());
        server
            .fences
            .insert(scope.clone(), Fence { run: fence.run.clone(), incarnation: fence.incarnation.clone(), ..kept });
        if server.answer_is_lost() { Err(Error::external("time-out")) } else { Ok(before) }
    }
    async fn apply(&self, unit: &ApplyUnit) -> CommitOutcome {
        let mut server = self.server.0.lock();
        if self.check(&server).is_err() {
            return CommitOutcome::RetryLater(Duration::ZERO);
        }
        let Some(fence) = server.fences.get(&unit.scope).cloned() else {
            return CommitOutcome::Lost("no fence".into());
        };
        if fence.incarnation != unit.fence.incarnation {
            return CommitOutcome::Replaced(fence);
        }
        if fence.position >= unit.to {
            return CommitOutcome::AlreadyCommitted;
        }
        assert_eq!(fence.position, unit.from, "units are contiguous");
        let rows = numbers(&unit.rows);
        if let Some(refused) = server.refusals(&rows) {
            return refused;
        }
        server.rows.entry(self.name.clone()).or_default().extend(rows);
        server.fences.insert(unit.scope.clone(), unit.fence.clone());
        server.units.push((unit.from, unit.to, unit.version));
        if server.answer_is_lost() { CommitOutcome::Unknown("time-out".into()) } else { CommitOutcome::Committed }
    }
    async fn retire(&self, scope: &Scope) -> Result<()> {
        let mut server = self.server.0.lock();
        self.check(&server)?;
        server.fences.remove(scope);
        Ok(())
    }
}

#[async_trait]
impl Sink for Table {
    async fn write(&self, _: &Scope, rows: &[ChangeBatch]) -> Result<()> {
        let mut server = self.server.0.lock();
        self.may(&server, "write")?;
        server.rows.entry(self.name.clone()).or_default().extend(numbers(rows));
        if server.answer_is_lost() { Err(Error::external("time-out")) } else { Ok(()) }
    }
}

#[async_trait]
impl UpsertSink for Table {
    async fn upsert(&self, unit: &ApplyUnit) -> Result<CommitOutcome> {
        let mut server = self.server.0.lock();
        self.check(&server)?;
        let rows = numbers(&unit.rows);
        if let Some(refused) = server.refusals(&rows) {
            return Ok(refused);
        }
        let table = server.rows.entry(self.name.clone()).or_default();
        for row in rows {
            if !table.contains(&row) {
                table.push(row);
            }
        }
        server.units.push((unit.from, unit.to, unit.version));
        if server.answer_is_lost() { Err(Error::external("time-out")) } else { Ok(CommitOutcome::Committed) }
    }
}

#[async_trait]
impl TwoPhaseCommitSink for Table {
    async fn prepare(&self, unit: &ApplyUnit) -> Result<Committable> {
        let mut server = self.server.0.lock();
        self.may(&server, "prepare")?;
        let label = format!("{}-{}-{}", unit.from, unit.to, server.calls);
        server.prepared.insert(label.clone(), (self.name.clone(), numbers(&unit.rows)));
        if server.answer_is_lost() { Err(Error::external("time-out")) } else { Ok(Committable(label)) }
    }
    async fn commit(&self, committable: &Committable) -> CommitOutcome {
        let mut server = self.server.0.lock();
        if server.committed.contains(&committable.0) {
            return CommitOutcome::AlreadyCommitted;
        }
        let Some((name, rows)) = server.prepared.get(&committable.0).cloned() else {
            return CommitOutcome::Lost("unknown transaction".into());
        };
        if let Some(refused) = server.refusals(&rows) {
            return refused;
        }
        server.prepared.remove(&committable.0);
        server.rows.entry(name).or_default().extend(rows);
        server.committed.insert(committable.0.clone());
        if server.answer_is_lost() { CommitOutcome::Unknown("time-out".into()) } else { CommitOutcome::Committed }
    }
    async fn abort(&self, committable: &Committable) -> Result<()> {
        self.server.0.lock().prepared.remove(&committable.0);
        Ok(())
    }
    async fn recover(&self, _: &Scope, known: &[Committable]) -> Result<()> {
        let mut server = self.server.0.lock();
        self.may(&server, "recover")?;
        server.prepared.retain(|label, (name, _)| *name != self.name || known.iter().any(|k| k.0 == *label));
        Ok(())
    }
}

#[async_trait]
impl Opener for Memory {
    async fn source(&self, _: &BoundTable) -> Result<Arc<dyn Source>> {
        Err(Error::internal("no sources here"))
    }
    async fn sink(&self, table: &BoundTable) -> Result<OpenSink> {
        let name = table.spec.name.clone();
        let server = self.0.lock();
        if server.down.contains(&name) {
            return Err(Error::external("connection refused"));
        }
        if server.denied.contains("open") {
            return Err(Error::user("no right to open").help("grant it"));
        }
        let table = Table { server: self.clone(), name: name.clone() };
        let level = match name.split('_').next() {
            Some("append") => SinkLevel::Append(Box::new(table)),
            Some("upsert") => SinkLevel::Upsert(Box::new(table)),
            Some("prepared") => SinkLevel::TwoPhase(Box::new(table)),
            Some("nowhere") => SinkLevel::Discard,
            _ => SinkLevel::Fenced(Box::new(table)),
        };
        Ok(OpenSink { input: SinkInput::Columns, level, identity: format!("{name}{}", server.identity) })
    }
    async fn lookup(&self, _: &BoundTable, _: &[String]) -> Result<Arc<dyn LookupSource>> {
        Err(Error::internal("no lookups here"))
    }
}

impl Memory {
    pub fn rows(&self, sink: &str) -> Vec<i64> {
        self.0.lock().rows.get(sink).cloned().unwrap_or_default()
    }
}

/// Impatient, so that tests are quick.
pub fn quick(on_reject: OnReject) -> CommitOptions {
    CommitOptions {
        on_reject: [
            ("out".to_owned(), on_reject),
            ("upsert_out".to_owned(), on_reject),
            ("prepared_out".to_owned(), on_reject),
        ]
        .into(),
        unit_rows: 4,
        patience: Duration::from_millis(200),
        max_pause: Duration::from_millis(1),
        ..CommitOptions::default()
    }
}

/// Numbers an epoch reads.
pub const EPOCH_ROWS: i64 = 7;

/// A running job.
pub struct Job {
    pub store: Arc<Store>,
    pub committers: Committers,
    pub next_epoch: u64,
    pub at: i64,
    sinks: Vec<String>,
}

impl Job {
    /// Opens the directory, checks that state and position belong together, claims the sinks.
    pub async fn start(
        disk: Arc<dyn Storage>,
        memory: &Memory,
        with: OpenOptions,
        commit: CommitOptions,
    ) -> Result<Job> {
        let sinks = with.header.sinks.iter().map(|s| s.id.clone()).collect();
        let (store, mut recovered) = Store::open_tuned(disk, clock(), with, small())?;
        let at = position_of(&recovered);
        assert_eq!(restore(recovered.state.remove(OPERATOR))?, state_at(at), "state and source position differ");
        let store = Arc::new(store);
        let committers = start_committers(store.clone(), Arc::new(memory.clone()), BTreeMap::new(), commit).await?;
        Ok(Job { store, committers, next_epoch: recovered.epoch.map_or(0, |e| e + 1), at, sinks })
    }
    /// As [`Job::start`] with everything ordinary.
    pub async fn open(dir: &Path, memory: &Memory, sinks: &[&str]) -> Result<Job> {
        Self::start(Arc::new(crate::store::FsStorage), memory, options(dir, sinks), quick(OnReject::Stop)).await
    }
    /// Decides the next epoch.
    pub async fn epoch(&mut self) -> Result<u64> {
        self.epoch_with(EpochContents::default()).await
    }
    /// Decides the next epoch with the dead letters and the end mark of `more`.
    pub async fn epoch_with(&mut self, more: EpochContents) -> Result<u64> {
        let sinks: Vec<&str> = self.sinks.iter().map(String::as_str).collect();
        let to = if self.next_epoch == 0 { self.at } else { self.at + EPOCH_ROWS };
        let mut next = contents(&self.store, self.next_epoch, self.at, to, &sinks)?;
        next.dead_letters = more.dead_letters;
        next.final_ = more.final_;
        self.store.decide(next).await?;
        self.at = to;
        self.next_epoch += 1;
        Ok(self.next_epoch - 1)
    }
    /// Decides some epochs and waits until all is applied.
    pub async fn epochs(&mut self, n: u64) -> Result<()> {
        for _ in 0..n {
            self.epoch().await?;
        }
        self.applied().await
    }
    /// Waits until all is applied.
    pub async fn applied(&self) -> Result<()> {
        match self.next_epoch.checked_sub(1) {
            Some(last) => self.committers.wait_applied(last).await,
            None => Ok(()),
        }
    }
    pub async fn stop(self) -> Result<()> {
        self.committers.shutdown(Duration::from_secs(5)).await
    }
}

/// Runs a future on a runtime of its own; afterwards nothing of it is left running.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), future).await.expect("it hangs") })
}
