//! Starting: open every target, read every fence, then claim; drain what was removed first.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_core::registry::Opener;
use tidegate_core::sink::{Fence, OpenSink, Scope, SinkLevel};
use tidegate_core::{Error, Result, Retry};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::admission::{Reading, admit};
use super::board::Board;
use super::committer::CommitOptions;
use super::lane::{Lane, level_name, stopped};
use super::plain::Plain;
use super::protocol::back_off;
use super::verify::{Verdict, verify};
use super::{fenced, plain, two_phase};
use crate::store::Store;
use crate::store::decision::LaneKey;
use crate::store::lanes::{History, SinkView};

/// What all committers share.
#[derive(Clone)]
pub struct Context {
    pub(super) store: Store,
    pub(super) opener: Arc<dyn Opener>,
    pub(super) options: Arc<CommitOptions>,
    pub(super) board: Arc<Board>,
    pub(super) stop: watch::Receiver<bool>,
}

/// A sink on its way to being written.
pub struct Target {
    pub(super) view: SinkView,
    /// `None`: it could not be opened yet.
    sink: Option<Arc<OpenSink>>,
    readings: BTreeMap<LaneKey, Reading>,
}

/// Opens all sinks and reads all fences, each within the patience of the options.
///
/// # Errors
/// A sink that can never be opened; a fence that must not be taken over.
pub async fn reach(
    context: &Context,
    sinks: Vec<SinkView>,
    mut opened: BTreeMap<String, OpenSink>,
) -> Result<Vec<Target>> {
    let mut tasks = JoinSet::new();
    for view in sinks {
        let (context, given) = (context.clone(), opened.remove(&view.info.id));
        tasks.spawn(async move { reach_one(&context, view, given).await });
    }
    let mut targets = Vec::new();
    while let Some(done) = tasks.join_next().await {
        targets.push(done.map_err(|e| Error::internal(format!("opening sinks: {e}")))??);
    }
    let readings = targets.iter().flat_map(|t| t.readings.clone()).collect();
    admit(&readings)?;
    targets.sort_by(|a, b| a.view.info.id.cmp(&b.view.info.id));
    Ok(targets)
}

/// Judges the fences of opened sinks by what a directory would know, before anything is written.
/// A sink that does not answer is left for the start itself.
///
/// # Errors
/// A fence that must not be taken over.
pub async fn foresee(
    job: &str,
    histories: &BTreeMap<LaneKey, History>,
    opened: &BTreeMap<String, OpenSink>,
    patience: Duration,
) -> Result<()> {
    let mut readings = BTreeMap::new();
    for (key, history) in histories {
        let Some(sink) = opened.get(&key.sink) else { continue };
        let SinkLevel::Fenced(fenced) = &sink.level else { continue };
        let scope = Scope { job: job.to_owned(), sink: key.sink.clone(), lane: key.lane };
        if let Ok(Ok(fence)) = tokio::time::timeout(patience, fenced.read_fence(&scope)).await {
            let verdict = verify(history, &sink.identity, fence.as_ref());
            readings.insert(key.clone(), Reading::Read { fence, verdict });
        }
    }
    admit(&readings)
}

async fn reach_one(context: &Context, view: SinkView, given: Option<OpenSink>) -> Result<Target> {
    let patience = context.options.patience;
    let sink = match given {
        Some(sink) => Some(Arc::new(sink)),
        None => match tokio::time::timeout(patience, context.opener.sink(&view.info.table)).await {
            Ok(Ok(sink)) => Some(Arc::new(sink)),
            Ok(Err(e)) if e.retry_advice() == Retry::Never => return Err(e.context(format!("sink {}", view.info.id))),
            Ok(Err(e)) => {
                view.lanes.iter().for_each(|key| context.board.absent(key, &e.to_string()));
                None
            }
            Err(_) => {
                view.lanes.iter().for_each(|key| context.board.absent(key, "no answer"));
                None
            }
        },
    };
    let mut readings = BTreeMap::new();
    for key in &view.lanes {
        let reading = match &sink {
            Some(sink) => read(context, sink, key).await?,
            None => Some(Reading::Absent),
        };
        readings.extend(reading.map(|r| (key.clone(), r)));
    }
    Ok(Target { view, sink, readings })
}

/// Reads and judges a fence; `None` for sinks without one.
async fn read(context: &Context, sink: &OpenSink, key: &LaneKey) -> Result<Option<Reading>> {
    let SinkLevel::Fenced(fenced) = &sink.level else { return Ok(None) };
    let scope = context.store.scope(key);
    Ok(Some(match tokio::time::timeout(context.options.patience, fenced.read_fence(&scope)).await {
        Ok(Ok(fence)) => {
            let verdict = verify(&context.store.history(key)?, &sink.identity, fence.as_ref());
            Reading::Read { fence, verdict }
        }
        Ok(Err(e)) if e.retry_advice() == Retry::Never => {
            return Err(e.context(format!("sink {} lane {}: reading its fence", key.sink, key.lane)));
        }
        Ok(Err(e)) => {
            context.board.absent(key, &e.to_string());
            Reading::Absent
        }
        Err(_) => {
            context.board.absent(key, "no answer");
            Reading::Absent
        }
    }))
}

/// Applies what was decided for sinks that are no longer in the job, with the options they had, and
/// retires their fences. A removed sink with nothing left to apply is not waited for.
///
/// # Errors
/// What keeps a sink from being drained.
pub async fn drain_removed(context: &Context, targets: &[Target]) -> Result<()> {
    for target in targets.iter().filter(|t| t.view.removed) {
        let pending = target.pending(context)?;
        let id = &target.view.info.id;
        if pending == 0 && target.sink.is_none() {
            tracing::warn!("sink {id} was removed; it does not answer, so its fence is left for a later start");
            context.board.forget(id);
            continue;
        }
        tracing::info!("sink {id} was removed: applying what was decided for it ({pending} rows)");
        target.drain(context).await.map_err(|e| {
            e.context(format!("removed sink {id}"))
                .help("put it back into the job, or start with --drop-pending to forget its rows")
        })?;
        context.board.forget(id);
    }
    Ok(())
}

impl Target {
    fn pending(&self, context: &Context) -> Result<u64> {
        self.view.lanes.iter().try_fold(0, |sum, key| {
            let history = context.store.history(key)?;
            Ok(sum + history.decided().position.saturating_sub(history.applied.position))
        })
    }

    async fn drain(&self, context: &Context) -> Result<()> {
        let (stop, stopping) = watch::channel(false);
        let board = Arc::new(Board::new(context.store.clone(), self.view.lanes.clone()));
        let here = Context { board: board.clone(), stop: stopping, ..context.clone() };
        let mut lanes = JoinSet::new();
        self.spawn(&here, &mut lanes);
        let mut progress = board.subscribe();
        let mut outer = context.stop.clone();
        let drained = async {
            tokio::select! {
                () = board.keep_publishing() => false,
                () = stopped(&mut outer) => false,
                done = progress.wait_for(|p| p.failed.is_some() || board.is_drained()) => done.is_ok(),
            }
        }
        .await;
        stop.send_replace(true);
        while lanes.join_next().await.is_some() {}
        if let Some(e) = board.failure() {
            return Err(e);
        }
        if !drained {
            return Err(Error::internal("interrupted"));
        }
        self.retire(context).await
    }

    /// The fences go first: a crash in between finds an unfenced, fully applied sink and makes it anew.
    async fn retire(&self, context: &Context) -> Result<()> {
        let store = context.store.clone();
        tokio::task::spawn_blocking(move || store.persist_applied())
            .await
            .map_err(|e| Error::internal(format!("committer: {e}")))??;
        let sink = match &self.sink {
            Some(sink) => sink.clone(),
            None => Arc::new(context.opener.sink(&self.view.info.table).await?),
        };
        if let SinkLevel::Fenced(fenced) = &sink.level {
            for key in &self.view.lanes {
                fenced.retire(&context.store.scope(key)).await?;
            }
        }
        let (store, id) = (context.store.clone(), self.view.info.id.clone());
        tokio::task::spawn_blocking(move || store.record_retired(&id))
            .await
            .map_err(|e| Error::internal(format!("committer: {e}")))?
    }

    /// Starts a task a lane. An absent sink is opened first, however long that takes.
    pub fn spawn(&self, context: &Context, lanes: &mut JoinSet<()>) {
        let slot = Arc::new(tokio::sync::OnceCell::new_with(self.sink.clone()));
        for key in &self.view.lanes {
            let (context, key, slot) = (context.clone(), key.clone(), slot.clone());
            let table = self.view.info.table.clone();
            let read = match self.readings.get(&key) {
                Some(Reading::Read { fence, verdict }) => Some((fence.clone(), verdict.clone())),
                Some(Reading::Absent) | None => None,
            };
            lanes.spawn(async move {
                let open = slot.get_or_try_init(|| open_patiently(&context, &key, &table)).await;
                let result = match open {
                    Ok(sink) => run(&context, &key, sink.clone(), read).await,
                    Err(e) => Err(e),
                };
                match result {
                    Err(e) if !*context.stop.borrow() => context.board.fail(e),
                    Err(e) => tracing::warn!("while stopping: {e}"),
                    Ok(()) => {}
                }
            });
        }
    }
}

async fn open_patiently(
    context: &Context,
    key: &LaneKey,
    table: &tidegate_core::table::BoundTable,
) -> Result<Arc<OpenSink>> {
    let mut stop = context.stop.clone();
    let mut failures = 0;
    loop {
        let e = match context.opener.sink(table).await {
            Ok(sink) => return Ok(Arc::new(sink)),
            Err(e) => e,
        };
        let pause = match e.retry_advice() {
            Retry::Never => return Err(e.context(format!("sink {}", key.sink))),
            Retry::Backoff => Duration::ZERO,
            Retry::After(pause) => pause,
        };
        context.board.absent(key, &e.to_string());
        failures += 1;
        tokio::select! {
            () = tokio::time::sleep(pause.max(back_off(failures, context.options.max_pause))) => {}
            () = stopped(&mut stop) => return Err(e),
        }
    }
}

async fn run(
    context: &Context,
    key: &LaneKey,
    sink: Arc<OpenSink>,
    read: Option<(Option<Fence>, Verdict)>,
) -> Result<()> {
    let lane = Lane {
        store: context.store.clone(),
        key: key.clone(),
        scope: context.store.scope(key),
        sink: sink.clone(),
        options: context.options.clone(),
        board: context.board.clone(),
        stop: context.stop.clone(),
    };
    tracing::debug!("sink {} lane {}: {}", key.sink, key.lane, level_name(&sink.level));
    match &sink.level {
        SinkLevel::Discard => plain::discard(&lane).await,
        SinkLevel::Append(sink) => plain::follow(&lane, Plain::Append(&**sink)).await,
        SinkLevel::Upsert(sink) => plain::follow(&lane, Plain::Upsert(&**sink)).await,
        SinkLevel::Fenced(sink) => fenced::run(&lane, &**sink, read).await,
        SinkLevel::TwoPhase(sink) => two_phase::run(&lane, &**sink).await,
    }
}
