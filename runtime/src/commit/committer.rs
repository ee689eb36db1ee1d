//! The committers of a job: one task a lane, started together, stopped together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_core::registry::Opener;
use tidegate_core::sink::OpenSink;
use tidegate_core::{Error, Result};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::board::Board;
use super::patience::Patience;
use super::progress::Progress;
use super::start::{Context, drain_removed, reach};
use crate::store::Store;

/// What happens to a row that the target refuses after it has been decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnReject {
    /// The job stops and names the row.
    #[default]
    Stop,
    /// It is kept for the dead letters of the next epoch ([`Store::rejects`]).
    DeadLetter,
    /// It is counted and left out.
    Ignore,
}

/// How committers work.
#[derive(Debug, Clone)]
pub struct CommitOptions {
    /// By sink id; [`OnReject::Stop`] where not named.
    pub on_reject: BTreeMap<String, OnReject>,
    /// The sink of the dead letters, for messages.
    pub dead_letters: Option<String>,
    /// Most rows of one apply.
    pub unit_rows: u64,
    /// Most bytes of one apply, about.
    pub unit_bytes: u64,
    /// How long the start waits for sinks that do not answer before it goes on without them.
    pub patience: Duration,
    /// The longest pause between two tries.
    pub max_pause: Duration,
}

impl Default for CommitOptions {
    fn default() -> Self {
        CommitOptions {
            on_reject: BTreeMap::new(),
            dead_letters: None,
            unit_rows: 50_000,
            unit_bytes: 4 << 20,
            patience: Duration::from_secs(10),
            max_pause: Duration::from_secs(5),
        }
    }
}

/// How often a stop looks whether waiting is in vain.
const LOOK: Duration = Duration::from_millis(100);

/// The running committers.
pub struct Committers {
    store: Store,
    board: Arc<Board>,
    stop: watch::Sender<bool>,
    lanes: JoinSet<()>,
    publisher: tokio::task::JoinHandle<()>,
}

/// Opens every sink that is not in `opened`, reads all fences, refuses or claims, drains removed
/// sinks, and starts applying in the background. Call it once after [`Store::open`], before epoch 0
/// is decided. A sink that cannot be reached does not stop the others and is tried again for good;
/// only a removed sink that has rows to apply is waited for.
///
/// # Errors
/// A fence that must not be taken over; a table that cannot be opened whatever one waits.
pub async fn start_committers(
    store: Arc<Store>,
    opener: Arc<dyn Opener>,
    opened: BTreeMap<String, OpenSink>,
    options: CommitOptions,
) -> Result<Committers> {
    let store = (*store).clone();
    let sinks = store.sinks();
    let board = Arc::new(Board::new(store.clone(), sinks.iter().flat_map(|s| s.lanes.clone())));
    let (stop, stopping) = watch::channel(false);
    let context =
        Context { store: store.clone(), opener, options: Arc::new(options), board: board.clone(), stop: stopping };
    let targets = reach(&context, sinks, opened).await?;
    drain_removed(&context, &targets).await?;
    let publisher = {
        let board = board.clone();
        tokio::spawn(async move { board.keep_publishing().await })
    };
    let mut lanes = JoinSet::new();
    for target in targets.into_iter().filter(|t| !t.view.removed) {
        target.spawn(&context, &mut lanes);
    }
    Ok(Committers { store, board, stop, lanes, publisher })
}

impl Committers {
    /// Changes of progress; `failed` set means that the job has to stop.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.board.subscribe()
    }

    /// Waits until every sink has applied this epoch.
    ///
    /// # Errors
    /// What stopped the committers.
    pub async fn wait_applied(&self, epoch: u64) -> Result<()> {
        let mut progress = self.board.subscribe();
        let done = progress.wait_for(|p| p.failed.is_some() || p.applied_epoch.is_some_and(|e| e >= epoch)).await;
        let failed = done.map_err(|_| Error::internal("the committers are gone"))?.failed.clone();
        failed.map_or(Ok(()), Err)
    }

    /// As [`Committers::wait_applied`], but not for long where sinks do not answer: `None` then.
    pub async fn wait_answered(&self, epoch: u64, longest: Duration) -> Option<Result<()>> {
        let (progress, started) = (self.board.subscribe(), tokio::time::Instant::now());
        let in_vain = async {
            let mut patience = Patience::until(epoch);
            while !patience.is_over(started.elapsed(), &progress.borrow()) {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::select! {
            applied = self.wait_applied(epoch) => Some(applied),
            () = in_vain => None,
            () = tokio::time::sleep(longest) => None,
        }
    }

    /// Stops after the applies that are under way, if they end within `grace`, and makes the applied
    /// positions durable. A call that is given up counts as unanswered; the next start reads what came
    /// of it.
    ///
    /// # Errors
    /// What stopped the committers before, or of the store.
    pub async fn shutdown(mut self, grace: Duration) -> Result<()> {
        self.stop.send_replace(true);
        let ended = async { while self.lanes.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, ended).await.is_err() {
            self.lanes.shutdown().await;
        }
        self.publisher.abort();
        // Waited for, so that the directory is free when this returns.
        let _ = (&mut self.publisher).await;
        self.board.publish();
        let store = self.store.clone();
        let persisted = tokio::task::spawn_blocking(move || store.persist_applied())
            .await
            .map_err(|e| Error::internal(format!("committers: {e}")))?;
        self.board.failure().map_or(persisted, Err)
    }
}

impl Drop for Committers {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.publisher.abort();
    }
}
