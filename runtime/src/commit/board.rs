//! Where lanes report and from where [`Progress`] is made.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tidegate_core::Error;
use tokio::sync::{Notify, watch};

use super::progress::{Progress, SinkProgress};
use crate::store::Store;
use crate::store::decision::{LaneKey, Mark};

/// Shared by all lanes.
pub struct Board {
    store: Store,
    lanes: Mutex<BTreeMap<LaneKey, LaneReport>>,
    failed: Mutex<Option<Error>>,
    changed: Notify,
    progress: watch::Sender<Progress>,
}

#[derive(Debug, Clone, Default)]
struct LaneReport {
    position: Option<u64>,
    delay_ms: u64,
    rejected: u64,
    ignored: u64,
    first_rejected: Option<String>,
    absent: Option<String>,
}

impl Board {
    /// A board for these lanes.
    pub fn new(store: Store, lanes: impl IntoIterator<Item = LaneKey>) -> Self {
        let lanes = lanes.into_iter().map(|k| (k, LaneReport::default())).collect();
        let progress = watch::Sender::new(Progress::default());
        Board { store, lanes: Mutex::new(lanes), failed: Mutex::default(), changed: Notify::new(), progress }
    }
    /// The progress channel.
    pub fn subscribe(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }
    /// A lane's target has everything before this mark; its newest rows were decided at `decided_at`.
    pub fn applied(&self, key: &LaneKey, mark: Mark, delay_ms: Option<u64>) {
        self.store.set_applied(key, mark);
        self.change(key, |r| {
            r.position = Some(mark.position);
            r.delay_ms = delay_ms.unwrap_or(r.delay_ms);
            r.absent = None;
        });
    }
    /// Rows have been refused and recorded, to be dead letters or to be `ignored`; `first` is one of them.
    pub fn rejected(&self, key: &LaneKey, rows: u64, ignored: bool, first: &str) {
        self.change(key, |r| {
            r.rejected += rows;
            r.ignored += if ignored { rows } else { 0 };
            r.first_rejected.get_or_insert_with(|| first.to_owned());
        });
    }
    /// A target does not answer.
    pub fn absent(&self, key: &LaneKey, why: &str) {
        let mut news = false;
        self.change(key, |r| news = r.absent.replace(why.to_owned()).is_none());
        if news {
            tracing::warn!("sink {} lane {} cannot be written at the moment, trying again: {why}", key.sink, key.lane);
        }
    }
    /// A lane has ended for good: removed sinks leave the picture.
    pub fn forget(&self, sink: &str) {
        self.lanes.lock().retain(|k, _| k.sink != sink);
        self.changed.notify_one();
    }
    /// Something has happened that ends the job. The first one counts.
    pub fn fail(&self, error: Error) {
        self.failed.lock().get_or_insert(error);
        self.publish();
    }
    /// What has ended the job.
    pub fn failure(&self) -> Option<Error> {
        self.failed.lock().clone()
    }

    /// Whether every lane has claimed its target and applied all that is decided.
    pub fn is_drained(&self) -> bool {
        let done = |key: &LaneKey, report: &LaneReport| {
            self.store.lane_decided(key).is_ok_and(|decided| report.position.is_some_and(|p| p >= decided.position))
        };
        self.lanes.lock().iter().all(|(key, report)| done(key, report))
    }

    fn change(&self, key: &LaneKey, f: impl FnOnce(&mut LaneReport)) {
        if let Some(report) = self.lanes.lock().get_mut(key) {
            f(report);
        }
        self.changed.notify_one();
    }

    /// Sends progress whenever a lane has reported or an epoch has been decided. Runs until dropped.
    pub async fn keep_publishing(&self) {
        let mut decided = self.store.decided();
        loop {
            self.publish();
            tokio::select! {
                () = self.changed.notified() => {}
                result = decided.changed() => if result.is_err() { return },
            }
        }
    }

    /// Sends progress now.
    pub fn publish(&self) {
        let next = self.progress_now();
        self.progress.send_replace(next);
    }

    fn progress_now(&self) -> Progress {
        // Read before the lanes: an epoch decided meanwhile counts next time.
        let decided = *self.store.decided().borrow();
        let mut progress = Progress { applied_epoch: decided, failed: self.failure(), ..Progress::default() };
        for (key, report) in self.lanes.lock().iter() {
            let applied = report.position.and_then(|p| self.store.epoch_applied(key, p).ok().flatten()).min(decided);
            let rows = self.store.lane_decided(key).map_or(0, |m| m.position);
            let first = !progress.sinks.contains_key(&key.sink);
            let sink: &mut SinkProgress = progress.sinks.entry(key.sink.clone()).or_default();
            sink.applied_epoch = if first { applied } else { sink.applied_epoch.min(applied) };
            sink.applied_rows += report.position.unwrap_or(0);
            sink.decided_rows += rows;
            sink.waiting_rows += rows.saturating_sub(self.store.lane_applied(key).unwrap_or(rows));
            sink.rejected_rows += report.rejected;
            sink.ignored_rows += report.ignored;
            sink.first_rejected = sink.first_rejected.take().or_else(|| report.first_rejected.clone());
            sink.commit_delay_ms = sink.commit_delay_ms.max(report.delay_ms);
            sink.absent = sink.absent.take().or_else(|| report.absent.clone());
            progress.applied_epoch = progress.applied_epoch.min(applied);
        }
        progress
    }
}
