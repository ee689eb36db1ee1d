//! What tasks and the coordinator tell each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use tidegate_core::Error;
use tokio::sync::mpsc::UnboundedSender;

use crate::store::{RowsRef, SavedPosition, SplitKey, StateRef};

use super::inbox::{Barrier, Inbox, Then};

/// From the coordinator to all tasks.
pub struct Control {
    /// Epoch of the newest barrier asked for, plus one.
    asked: AtomicU64,
    barrier: Mutex<Barrier>,
    paused: AtomicBool,
    aborted: AtomicBool,
    /// Something has happened since the last barrier that is worth an epoch.
    dirty: AtomicBool,
    inboxes: Mutex<Vec<Arc<Inbox>>>,
}

impl Default for Control {
    fn default() -> Self {
        Control {
            asked: AtomicU64::new(0),
            barrier: Mutex::new(Barrier { epoch: 0, then: Then::Continue }),
            paused: AtomicBool::new(false),
            aborted: AtomicBool::new(false),
            dirty: AtomicBool::new(false),
            inboxes: Mutex::new(Vec::new()),
        }
    }
}

impl Control {
    /// An inbox that has to be closed on failure.
    pub fn watch(&self, inbox: Arc<Inbox>) {
        self.inboxes.lock().push(inbox);
    }
    /// Asks the sources for a barrier; they may go on reading after it unless `pause`.
    pub fn ask(&self, barrier: Barrier, pause: bool) {
        *self.barrier.lock() = barrier;
        self.paused.store(pause, Ordering::Release);
        self.dirty.store(false, Ordering::Release);
        self.asked.store(barrier.epoch + 1, Ordering::Release);
    }
    /// The barrier asked for, if its epoch is at or above `next`.
    pub fn asked(&self, next: u64) -> Option<Barrier> {
        (self.asked.load(Ordering::Acquire) > next).then(|| *self.barrier.lock())
    }
    /// Lets paused sources go on.
    pub fn resume(&self) {
        self.paused.store(false, Ordering::Release);
    }
    /// Whether sources have to wait before the first row of the epoch.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Acquire)
    }
    /// Something was read or written.
    pub fn touch(&self) {
        if !self.dirty.load(Ordering::Relaxed) {
            self.dirty.store(true, Ordering::Release);
        }
    }
    /// Whether something was read or written since the last barrier was asked for.
    pub fn is_dirty(&self) -> bool {
        self.dirty.load(Ordering::Acquire)
    }
    /// Tears everything down: tasks give up at the next opportunity, nothing more is decided.
    pub fn abort(&self) {
        self.aborted.store(true, Ordering::Release);
        for inbox in self.inboxes.lock().iter() {
            inbox.close();
        }
    }
    /// Whether the job is being torn down.
    pub fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Acquire)
    }
}

/// From a task to the coordinator.
pub enum Event {
    /// A task has passed a barrier.
    Ack(Box<Ack>),
    /// All splits of a source task have come to their end; it waits for the last barrier.
    InputEnded,
    /// The open epoch has grown over its limit.
    EpochFull,
    /// A task has failed.
    Failed(Error),
    /// Somebody asks for a graceful stop.
    Stop,
    /// Somebody asks to give up at once, as after a crash.
    Abort,
    /// Something a person should know.
    Note(String),
}

/// What a task leaves behind at a barrier.
#[derive(Default)]
pub struct Ack {
    /// The epoch that ended.
    pub epoch: u64,
    /// Where its splits go on.
    pub positions: Vec<(SplitKey, SavedPosition)>,
    /// The watermarks of its splits.
    pub watermarks: Vec<(SplitKey, i64)>,
    /// The watermark of each scan as a whole, as this task has passed it on.
    pub scans: Vec<(String, i64)>,
    /// (sink, lane, references).
    pub rows: Vec<(String, u32, Vec<RowsRef>)>,
    /// (operator, references).
    pub state: Vec<(String, Vec<StateRef>)>,
    /// Number of the task, over all stages.
    pub task: u32,
}

/// Where tasks send their events.
pub type Events = UnboundedSender<Event>;
