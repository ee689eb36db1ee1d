//! What happens after the last barrier, or after a failure.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tidegate_core::{Error, Result};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;

use super::{Running, Summary, channel};
use crate::commit::Committers;
use crate::exec::control::Event;
use crate::exec::coordinator::Coordinator;
use crate::exec::inbox::Then;
use crate::exec::refused::Closing;
use crate::exec::tell::Teller;

/// How long the end waits for calls that are under way.
const GRACE: Duration = Duration::from_secs(3);
/// The same where sinks have been waited for in vain.
const GRACE_IN_VAIN: Duration = Duration::from_secs(1);

/// What has to be ended.
pub struct End {
    pub(super) committers: Committers,
    pub(super) shared: Arc<Running>,
    pub(super) finish: watch::Sender<bool>,
    pub(super) teller: Arc<Teller>,
    pub(super) patience: Duration,
}

impl End {
    /// Runs the job to its last barrier, then ends it.
    ///
    /// # Errors
    /// What stopped the job.
    pub async fn run(
        self,
        mut coordinator: Coordinator,
        threads: Vec<JoinHandle<()>>,
        follows: &[tokio::task::JoinHandle<()>],
    ) -> Result<Summary> {
        let outcome = coordinator.run().await;
        if outcome.is_err() {
            self.shared.control.abort();
        }
        for follow in follows {
            follow.abort();
        }
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().for_each(|t| drop(t.join()))).await;
        let events = std::mem::replace(&mut coordinator.events, channel().1);
        let closing = coordinator.closing();
        match outcome
            .and_then(|barrier| joined.map(|()| barrier).map_err(|e| Error::internal(format!("ending tasks: {e}"))))
        {
            Err(error) => {
                drop(closing);
                let stopped = self.committers.shutdown(GRACE).await;
                self.shared.close();
                if let Err(also) = stopped {
                    tracing::debug!("while stopping: {also}");
                }
                Err(error)
            }
            Ok(barrier) if barrier.then == Then::End => self.ended(barrier.epoch, closing, events).await,
            Ok(barrier) => {
                drop(closing);
                let applied = self.committers.wait_answered(barrier.epoch, self.patience).await;
                self.close(applied, false).await
            }
        }
    }

    /// Waits until everything is committed, and then until what targets refused of it is in the dead
    /// letters; a stop in the meantime leaves the rest to the next run.
    ///
    /// # Errors
    /// What stopped the job.
    pub async fn ended(
        self,
        mut epoch: u64,
        mut closing: Closing,
        mut events: UnboundedReceiver<Event>,
    ) -> Result<Summary> {
        let outcome = loop {
            let applied = tokio::select! {
                applied = self.committers.wait_applied(epoch) => applied,
                () = asked_to_stop(&mut events) => break None,
            };
            let next = match applied {
                Ok(()) => closing.after(epoch).await,
                Err(e) => Err(e),
            };
            match next {
                Ok(Some(next)) => epoch = next,
                Ok(None) => break Some(Ok(())),
                Err(e) => break Some(Err(e)),
            }
        };
        drop(closing);
        self.close(outcome, true).await
    }

    async fn close(self, applied: Option<Result<()>>, ended: bool) -> Result<Summary> {
        self.teller.applied(self.committers.progress().borrow().applied_epoch);
        let pending = applied.is_none();
        // What has not been answered by now most likely will not be.
        let grace = if pending { GRACE_IN_VAIN } else { GRACE };
        let (shut, ()) = tokio::join!(self.committers.shutdown(grace), self.teller.finish(grace));
        self.shared.close();
        applied.unwrap_or(Ok(()))?;
        shut?;
        self.finish.send_replace(ended && !pending);
        Ok(Summary { ended: ended && !pending, pending, progress: self.shared.last.lock().clone() })
    }
}

async fn asked_to_stop(events: &mut UnboundedReceiver<Event>) {
    while let Some(event) = events.recv().await {
        if matches!(event, Event::Stop | Event::Abort) {
            return;
        }
    }
    std::future::pending::<()>().await;
}
