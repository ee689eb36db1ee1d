//! Telling sources what has been applied at every sink: the newest epoch only, one call at a time, so
//! that an older answer never overtakes a newer one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tidegate_core::source::Source;
use tidegate_core::split::{Position, Split};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::coordinator::KnownSplits;
use crate::store::{Positions, Store};

/// Sources by id, with their splits.
pub type Listeners = BTreeMap<String, (Arc<dyn Source>, KnownSplits)>;

/// Tells the sources of one job.
pub struct Teller {
    store: Store,
    told: Mutex<Option<u64>>,
    news: Mutex<Option<watch::Sender<Arc<Positions>>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Teller {
    /// Starts a task that tells.
    pub fn start(store: Store, listeners: Listeners) -> Teller {
        let (sender, receiver) = watch::channel(Arc::new(Positions::new()));
        let task = tokio::spawn(tell(listeners, receiver));
        Teller { store, told: Mutex::default(), news: Mutex::new(Some(sender)), task: Mutex::new(Some(task)) }
    }

    /// Everything of this epoch has been applied at every sink.
    pub fn applied(&self, epoch: Option<u64>) {
        let mut told = self.told.lock();
        if epoch <= *told {
            return;
        }
        *told = epoch;
        if let Some(positions) = epoch.and_then(|e| self.store.positions_at(e))
            && let Some(news) = &*self.news.lock()
        {
            news.send_replace(positions);
        }
    }

    /// Waits until the newest news has been told, but not for long.
    pub async fn finish(&self, longest: Duration) {
        self.news.lock().take();
        let task = self.task.lock().take();
        if let Some(task) = task
            && tokio::time::timeout(longest, task).await.is_err()
        {
            tracing::warn!("sources do not answer: they were not told of the last epoch");
        }
    }
}

async fn tell(listeners: Listeners, mut news: watch::Receiver<Arc<Positions>>) {
    while news.changed().await.is_ok() {
        let positions = news.borrow_and_update().clone();
        for (id, (source, splits)) in &listeners {
            if let Err(e) = source.applied(&of_source(&positions, id, splits)).await {
                tracing::warn!("table {id}: the source was not told what has been applied: {e}");
            }
        }
    }
}

fn of_source(positions: &Positions, id: &str, splits: &KnownSplits) -> Vec<(Split, Position)> {
    let splits = splits.lock();
    let of_source = positions.iter().filter(|((source, _), _)| source == id);
    of_source.filter_map(|((_, split), saved)| Some((splits.get(split)?.clone(), saved.position.clone()))).collect()
}
