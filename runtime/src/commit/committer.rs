//! The committers of a job: one a lane.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_core::registry::Opener;
use tidegate_core::sink::OpenSink;
use tidegate_core::{Error, Result};
use tokio::sync::watch;

use super::progress::Progress;
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
            unit_rows: 50_000,
            unit_bytes: 4 << 20,
            patience: Duration::from_secs(10),
            max_pause: Duration::from_secs(5),
        }
    }
}

/// The running committers.
pub struct Committers {
    progress: watch::Receiver<Progress>,
}

/// Opens every sink that is not in `opened`, drains removed sinks, reads all fences, refuses or
/// claims, and starts applying in the background. Call it once after [`Store::open`], before epoch 0
/// is decided. A sink that cannot be reached does not stop the others and is tried again for good.
///
/// # Errors
/// A fence that must not be taken over; a removed sink that cannot be drained.
pub async fn start_committers(
    store: Arc<Store>,
    opener: Arc<dyn Opener>,
    opened: BTreeMap<String, OpenSink>,
    options: CommitOptions,
) -> Result<Committers> {
    let _ = (store, opener, opened, options);
    Err(Error::internal("being written"))
}

impl Committers {
    /// Changes of progress; `failed` set means that the job has to stop.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }
    /// Waits until every sink has applied this epoch.
    ///
    /// # Errors
    /// What stopped the committers.
    pub async fn wait_applied(&self, epoch: u64) -> Result<()> {
        let _ = epoch;
        Err(Error::internal("being written"))
    }
    /// Stops after the applies that are under way and makes the applied positions durable.
    ///
    /// # Errors
    /// What stopped the committers before, or of the store.
    pub async fn shutdown(self) -> Result<()> {
        Err(Error::internal("being written"))
    }
}
