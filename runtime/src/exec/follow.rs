//! What becomes known about a source while the job runs: new splits, and, where the jobs that write
//! it have finished, its end.

use std::time::Duration;

use tidegate_core::split::{Bound, StartMode};
use tidegate_core::{Result, Retry};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use super::control::{Event, Events};
use super::source::Change;
use super::start::{SplitOpener, patiently};
use super::watermarks::NONE;

/// Follows one source.
pub struct Follow {
    /// Opens splits.
    pub opener: SplitOpener,
    /// The tasks that read the source; split i belongs to task i modulo their number.
    pub tasks: Vec<UnboundedSender<Change>>,
    /// How often to look for new splits; `None`: never.
    pub discovery: Option<Duration>,
    /// True when the jobs that write the source have committed their last epoch.
    pub upstream: Option<watch::Receiver<bool>>,
    /// To the coordinator.
    pub events: Events,
}

impl Follow {
    /// Whether there is anything to follow.
    pub fn is_needed(&self) -> bool {
        self.discovery.is_some() || self.upstream.is_some()
    }

    /// Follows until the end is known, or for ever.
    pub async fn run(mut self) {
        if let Err(e) = self.follow().await {
            let _ = self.events.send(Event::Failed(e));
        }
    }

    async fn follow(&mut self) -> Result<()> {
        loop {
            let ended = tokio::select! {
                () = finished(&mut self.upstream) => true,
                () = sleep(self.discovery) => false,
            };
            match self.discover().await {
                // New splits can wait for a source that does not answer; its readers say so.
                Err(e) if !ended && e.retry_advice() != Retry::Never => {
                    tracing::info!("looking for new splits: {e}");
                }
                other => other?,
            }
            if ended {
                return self.end().await;
            }
        }
    }

    async fn discover(&self) -> Result<()> {
        for split in patiently(|| self.opener.source.splits()).await? {
            let number = {
                let known = self.opener.known.lock();
                if known.contains_key(&split.id) {
                    continue;
                }
                known.len()
            };
            let start = patiently(|| self.opener.source.resolve(&split, &StartMode::Earliest)).await?;
            let run = self.opener.open(&split, &start.position, None, NONE, self.upstream.is_some()).await?;
            let _ = self.events.send(Event::Note(format!("table {}: new split {}", run.key.0, split.id)));
            let _ = self.tasks[number % self.tasks.len()].send(Change::Split(Box::new(run)));
        }
        Ok(())
    }

    async fn end(&self) -> Result<()> {
        let splits: Vec<_> = self.opener.known.lock().values().cloned().collect();
        for split in splits {
            let end = patiently(|| self.opener.source.bound(&split, &Bound::Latest)).await?;
            for task in &self.tasks {
                let _ = task.send(Change::End(self.opener.key(&split), end.clone()));
            }
        }
        for task in &self.tasks {
            let _ = task.send(Change::Bounded);
        }
        Ok(())
    }
}

async fn finished(upstream: &mut Option<watch::Receiver<bool>>) {
    if let Some(upstream) = upstream
        && upstream.wait_for(|done| *done).await.is_ok()
    {
        return;
    }
    // Nothing upstream, or it is gone without having finished.
    std::future::pending::<()>().await;
}

async fn sleep(discovery: Option<Duration>) {
    match discovery {
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}
