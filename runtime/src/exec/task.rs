//! A task behind a cut: takes messages from its inbox, aligns barriers, drives its chain.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_core::{Clock, Error, Result};

use crate::operator::StateLayout;
use crate::store::Appender;

use super::chain::{Chain, Work};
use super::control::{Ack, Control, Event, Events};
use super::inbox::{Barrier, Inbox, Message, Received, Then, is_torn_down, torn_down};
use super::watermarks::NONE;

/// How often operators hear of the time while nothing else happens.
pub const TICK: Duration = Duration::from_millis(10);
/// How often they hear of it while rows come in.
const BUSY_TICK: Duration = Duration::from_millis(50);

/// What every task has, whatever feeds it.
pub struct TaskBase {
    /// Number over all stages.
    pub task: u32,
    /// The operators.
    pub chain: Chain,
    /// Where deltas go; `None` for a bare SELECT.
    pub appender: Option<Appender>,
    /// From the coordinator.
    pub control: Arc<Control>,
    /// To the coordinator.
    pub events: Events,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// When operators last heard of the time.
    pub ticked: Instant,
}

impl TaskBase {
    /// Ends an epoch: everything held back goes out, the barrier follows it, what changed is
    /// persisted, the coordinator hears of it.
    ///
    /// # Errors
    /// Whatever stops the job.
    pub fn barrier(&mut self, barrier: Barrier, mut ack: Ack) -> Result<()> {
        self.chain.flush()?;
        for exchange in &self.chain.shared.exchanges {
            exchange.broadcast(&Message::Barrier(barrier))?;
        }
        ack.epoch = barrier.epoch;
        ack.task = self.task;
        let (appender, task) = (self.appender.clone(), self.task);
        self.chain.snapshot(&mut ack, &mut |id, batches, ack| {
            let Some(appender) = &appender else { return Ok(()) };
            let mut refs = Vec::with_capacity(batches.len());
            for batch in batches.iter().filter(|b| b.num_rows() > 0) {
                refs.push(appender.state(id, task, batch)?);
            }
            if !refs.is_empty() {
                ack.state.push((id.to_owned(), refs));
            }
            Ok(())
        })?;
        // The coordinator is gone only when the job is being torn down.
        self.events.send(Event::Ack(Box::new(ack))).map_err(|_| torn_down())
    }

    /// Lets operators know the time, if it is due.
    ///
    /// # Errors
    /// Whatever stops the job.
    pub fn tick(&mut self, idle: bool) -> Result<()> {
        if self.ticked.elapsed() >= if idle { TICK } else { BUSY_TICK } {
            self.ticked = Instant::now();
            self.chain.tick(self.clock.now_millis())?;
        }
        Ok(())
    }
}

/// The layouts of the chain's states: `(operator id, layout)`.
pub fn layouts(chain: &mut Chain) -> Vec<(String, StateLayout)> {
    let layout = |work: &mut Work| match work {
        Work::Operator(op) => op.state(),
        Work::Sink(sink) => sink.operator().and_then(|op| op.state()),
        Work::Pass | Work::Fanout(_) => None,
    };
    chain.elements.iter_mut().filter_map(|e| layout(&mut e.work).map(|l| (e.id.clone(), l))).collect()
}

/// A task fed by other tasks.
pub struct InboxTask {
    /// What every task has.
    pub base: TaskBase,
    /// Its input.
    pub inbox: Arc<Inbox>,
    /// For each channel: the element and input it feeds.
    pub feeds: Vec<(usize, usize)>,
}

impl InboxTask {
    /// Runs to the last barrier.
    ///
    /// # Errors
    /// Whatever stops the job.
    pub fn run(mut self) -> Result<()> {
        let mut watermarks = vec![NONE; self.feeds.len()];
        let mut at_barrier = 0;
        loop {
            match self.inbox.receive(TICK) {
                Received::Closed => return Err(torn_down()),
                Received::Nothing => self.base.tick(true)?,
                Received::Message(channel, Message::Batch(batch)) => {
                    let (element, input) = self.feeds[channel];
                    self.base.chain.process(element, input, *batch)?;
                    self.base.tick(false)?;
                }
                Received::Message(channel, Message::Watermark(watermark)) => {
                    watermarks[channel] = watermark;
                    let (element, input) = self.feeds[channel];
                    let senders = self.feeds.iter().zip(&watermarks).filter(|(feed, _)| **feed == (element, input));
                    let low = senders.map(|(_, w)| *w).min().unwrap_or(NONE);
                    self.base.chain.watermark(element, input, low)?;
                }
                Received::Message(channel, Message::Barrier(barrier)) => {
                    self.inbox.hold(channel);
                    at_barrier += 1;
                    if at_barrier < self.feeds.len() {
                        continue;
                    }
                    at_barrier = 0;
                    self.base.barrier(barrier, Ack::default())?;
                    if barrier.then != Then::Continue {
                        return Ok(());
                    }
                    self.inbox.release();
                }
            }
        }
    }
}

/// Runs a task's body; failures and panics reach the coordinator, never get lost.
pub fn guarded(events: &Events, name: &str, body: impl FnOnce() -> Result<()>) {
    let error = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return,
        Ok(Err(e)) if is_torn_down(&e) => return,
        Ok(Err(e)) => e,
        Err(panic) => {
            let what = panic
                .downcast_ref::<&str>()
                .map(|s| (*s).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "no message".to_owned());
            Error::internal(format!("a task panicked: {what}"))
                .context(name.to_owned())
                .help("this is a bug in Tidegate or a connector; nothing undecided became visible, the job can be started again")
        }
    };
    let _ = events.send(Event::Failed(error));
}
