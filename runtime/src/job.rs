//! A job: a plan that runs against a state directory until its input ends or somebody stops it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrow_array::RecordBatch;
use parking_lot::Mutex;
use tidegate_core::registry::Opener;
use tidegate_core::sink::{OpenSink, SinkLevel};
use tidegate_core::split::{Bound, StartMode};
use tidegate_core::{ChangeBatch, Clock, Column, Error, Result, ResultExt};
use tidegate_plan::{Plan, Settings};
use tokio::sync::{mpsc, watch};

use crate::commit;
use crate::exec::control::{Control, Event, Events};
use crate::exec::coordinator::Messages;
use crate::exec::source::ReadLimits;
use crate::metrics::{JobMetrics, Progress};
use crate::store::{FsStorage, Storage, Store};

mod end;
mod header;
mod launch;

/// How to run a job.
#[derive(Clone)]
pub struct JobOptions {
    /// Its name: part of every fence.
    pub name: String,
    /// Where its log, decisions and state are.
    pub state_dir: PathBuf,
    /// Number of tasks; `None`: what the plan says, or one a core.
    pub tasks: Option<u32>,
    /// `--from`
    pub from: Option<StartMode>,
    /// `--until`
    pub until: Option<Bound>,
    /// `--fresh-state`
    pub fresh_state: bool,
    /// `--allow-dropped-state`
    pub allow_dropped_state: bool,
    /// `--adopt`
    pub adopt: bool,
    /// `--reset-fence`
    pub reset_fence: bool,
    /// `--drop-pending`
    pub drop_pending: bool,
    /// `--skip-lost`
    pub skip_lost: bool,
    /// Sources (`log:topic` or `table:name`) that other jobs of this run write: they end, at what is
    /// then there, when those jobs have committed their last epoch.
    pub upstream: BTreeMap<String, watch::Receiver<bool>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The disk.
    pub storage: Arc<dyn Storage>,
    /// When batches are closed.
    pub limits: ReadLimits,
    /// The longest that a stop waits for sinks that keep writing before it leaves the rest to the next run.
    pub patience: Duration,
}

impl JobOptions {
    /// The usual.
    pub fn new(name: &str, state_dir: &Path, clock: Arc<dyn Clock>) -> Self {
        JobOptions {
            name: name.to_owned(),
            state_dir: state_dir.to_owned(),
            tasks: None,
            from: None,
            until: None,
            fresh_state: false,
            allow_dropped_state: false,
            adopt: false,
            reset_fence: false,
            drop_pending: false,
            skip_lost: false,
            upstream: BTreeMap::new(),
            clock,
            storage: Arc::new(FsStorage),
            limits: ReadLimits::default(),
            patience: Duration::from_secs(10),
        }
    }
}

impl JobOptions {
    /// Whether a start with these flags forgets something that a start without them would need.
    fn drops_something(&self) -> bool {
        self.fresh_state || self.allow_dropped_state || self.adopt || self.reset_fence || self.drop_pending
    }
}

/// What a job came to.
#[derive(Debug, Clone)]
pub struct Summary {
    /// All input has ended and everything is committed; otherwise the job was stopped and can go on.
    pub ended: bool,
    /// Decided rows are waiting for a sink that did not answer; the next run applies them.
    pub pending: bool,
    /// The last progress.
    pub progress: Progress,
}

/// A running job. Dropping it is like a crash: nothing more is decided, nothing is lost.
pub struct Job {
    shared: Arc<Running>,
    events: Events,
    finished: watch::Receiver<bool>,
    done: watch::Receiver<Option<Result<Summary>>>,
}

/// What is needed to tell how a job is.
struct Running {
    name: String,
    clock: Arc<dyn Clock>,
    started_millis: i64,
    metrics: Arc<JobMetrics>,
    control: Arc<Control>,
    messages: Messages,
    /// The last decided epoch plus one.
    decided: Arc<AtomicU64>,
    /// Gone when the job has ended, so that its directory is free.
    live: Mutex<Option<(Store, watch::Receiver<commit::Progress>)>>,
    last: Mutex<Progress>,
}

impl Job {
    /// Opens everything, claims the sinks, decides where to start, and starts.
    ///
    /// # Errors
    /// Tables that cannot be opened, a directory in use or of another job, foreign fences.
    pub async fn start(plan: Arc<Plan>, opener: Arc<dyn Opener>, options: JobOptions) -> Result<Job> {
        launch::launch(plan, opener, options).await
    }

    /// How the job is.
    pub fn progress(&self) -> Progress {
        self.shared.progress()
    }

    /// Asks for a graceful stop: the epoch is closed, decided and committed; open windows stay in
    /// state. The next run goes on from there.
    pub fn stop(&self) {
        let _ = self.events.send(Event::Stop);
    }

    /// Gives up at once, as after a crash.
    pub fn abort(&self) {
        let _ = self.events.send(Event::Abort);
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// What stopped the job.
    pub async fn wait(&self) -> Result<Summary> {
        let mut done = self.done.clone();
        let ended = done.wait_for(Option::is_some).await;
        match ended.map(|r| r.clone()) {
            Ok(Some(result)) => result,
            Ok(None) | Err(_) => Err(Error::internal("the job ended without a result")),
        }
    }

    /// Turns true when all input has ended and its last epoch is committed everywhere.
    pub fn finished(&self) -> watch::Receiver<bool> {
        self.finished.clone()
    }

    /// What has happened since the last call that a person should know.
    pub fn messages(&self) -> Vec<String> {
        std::mem::take(&mut *self.shared.messages.lock())
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.abort();
    }
}

impl Running {
    fn progress(&self) -> Progress {
        let live = self.live.lock();
        let Some((store, applied)) = live.as_ref() else { return self.last.lock().clone() };
        let sinks = applied.borrow().clone();
        let mut p = Progress {
            job: self.name.clone(),
            started_millis: self.started_millis,
            now_millis: self.clock.now_millis(),
            epoch: self.decided.load(Ordering::Relaxed).checked_sub(1),
            applied_epoch: sinks.applied_epoch,
            commit_delay_ms: sinks.sinks.values().map(|s| s.commit_delay_ms).max().unwrap_or(0),
            pending_bytes: store.pending_bytes(),
            open_bytes: store.open_epoch_bytes(),
            paused: self.control.is_paused(),
            sinks: sinks.sinks,
            ..Progress::default()
        };
        p.fill(&self.metrics);
        p
    }
    /// Lets the directory go and keeps the last progress.
    fn close(&self) {
        *self.last.lock() = self.progress();
        self.live.lock().take();
    }
}

/// The rows of a bare SELECT as they stand at the end of a bounded read.
///
/// # Errors
/// Tables that cannot be read, rows that cannot be computed.
pub async fn query(
    plan: Arc<Plan>,
    opener: Arc<dyn Opener>,
    clock: Arc<dyn Clock>,
    from: Option<StartMode>,
    until: Option<Bound>,
) -> Result<(Vec<Column>, Vec<RecordBatch>)> {
    let (columns, changes) = crate::exec::query::changes(plan.clone(), opener, clock, from, until).await?;
    let rows = crate::exec::query::standing(&plan, &columns, &changes)?;
    Ok((columns, rows))
}

/// The changes of a bare SELECT in order.
///
/// # Errors
/// As for [`query`].
pub async fn query_changes(
    plan: Arc<Plan>,
    opener: Arc<dyn Opener>,
    clock: Arc<dyn Clock>,
    from: Option<StartMode>,
    until: Option<Bound>,
) -> Result<(Vec<Column>, Vec<ChangeBatch>)> {
    crate::exec::query::changes(plan, opener, clock, from, until).await
}

/// Opened sinks by sink id.
type Sinks = BTreeMap<String, OpenSink>;

async fn open_sink(opener: &dyn Opener, table: &tidegate_core::table::BoundTable) -> Result<OpenSink> {
    crate::exec::start::patiently(|| opener.sink(table)).await.context(|| format!("table {}", table.spec.name))
}

fn is_discard(sink: &OpenSink) -> bool {
    matches!(sink.level, SinkLevel::Discard)
}

fn on_reject(settings: &Settings) -> commit::OnReject {
    match settings.on_error {
        tidegate_plan::OnRowError::Stop => commit::OnReject::Stop,
        tidegate_plan::OnRowError::DeadLetter => commit::OnReject::DeadLetter,
        tidegate_plan::OnRowError::Ignore => commit::OnReject::Ignore,
    }
}

fn channel() -> (Events, mpsc::UnboundedReceiver<Event>) {
    mpsc::unbounded_channel()
}
