//! Epochs: asks sources for barriers, collects what tasks leave behind, has the store decide it,
//! holds sources back while sinks are behind, and ends the job.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidegate_core::split::Split;
use tidegate_core::{Error, Result};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::commit;
use crate::store::{EpochContents, Positions, SplitKey, Store};

use super::control::{Ack, Control, Event};
use super::inbox::{Barrier, Then, torn_down};
use super::refused::{Closing, Refused};
use super::sink::EpochLimit;
use super::source::WHOLE_SCAN;
use super::tell::Teller;
use super::watermarks::{END, NONE};

/// Lines for a person, until somebody takes them.
pub type Messages = Arc<parking_lot::Mutex<Vec<String>>>;

/// The splits of a source by id.
pub type KnownSplits = Arc<parking_lot::Mutex<BTreeMap<String, Split>>>;

/// Drives the epochs of one job.
pub struct Coordinator {
    /// The store.
    pub store: Store,
    /// To the tasks.
    pub control: Arc<Control>,
    /// From the tasks.
    pub events: UnboundedReceiver<Event>,
    /// How far sinks are.
    pub applied: watch::Receiver<commit::Progress>,
    /// Number of tasks, and how many of them read.
    pub tasks: usize,
    /// Tasks that read.
    pub sources: usize,
    /// Time between barriers.
    pub interval: Duration,
    /// Brings the barrier forward.
    pub limit: Arc<EpochLimit>,
    /// The epoch that is open.
    pub epoch: u64,
    /// Where every split stands.
    pub positions: Positions,
    /// Where every watermark stands.
    pub watermarks: BTreeMap<SplitKey, i64>,
    /// Rows that targets refused.
    pub refused: Refused,
    /// Tells sources what has been applied.
    pub teller: Arc<Teller>,
    /// The last decided epoch plus one, for progress.
    pub decided: Arc<AtomicU64>,
    /// For people.
    pub messages: Messages,
}

struct InFlight {
    barrier: Barrier,
    contents: EpochContents,
    scans: ScanWatermarks,
    acks: usize,
}

/// The watermarks of scans at one barrier, by source. Tasks come to it one after the other, and one that has
/// passed it reads on, which raises the watermark that all of them share: it is the first task's that belongs
/// to the epoch. With a later one, records that are read again after a crash would be late.
#[derive(Debug, Default, PartialEq, Eq)]
struct ScanWatermarks(BTreeMap<String, i64>);

impl ScanWatermarks {
    fn take(&mut self, source: String, watermark: i64) {
        let first = self.0.entry(source).or_insert(watermark);
        *first = (*first).min(watermark);
    }

    fn put_into(self, watermarks: &mut BTreeMap<SplitKey, i64>) {
        for (source, watermark) in self.0.into_iter().filter(|(_, w)| *w != NONE && *w != END) {
            let saved = watermarks.entry((source, WHOLE_SCAN.to_owned())).or_insert(watermark);
            *saved = (*saved).max(watermark);
        }
    }
}

/// What the loop waits for besides events.
#[derive(Default)]
struct Wishes {
    stop: bool,
    now: bool,
    ended: usize,
}

impl Coordinator {
    /// Runs until the last decision; the answer is its barrier.
    ///
    /// # Errors
    /// Whatever stopped the job; nothing undecided has become visible.
    pub async fn run(&mut self) -> Result<Barrier> {
        let mut wishes = Wishes::default();
        let mut in_flight: Option<InFlight> = None;
        let mut next = Instant::now() + self.interval;
        loop {
            if in_flight.is_none() {
                let then = match (wishes.stop, wishes.ended >= self.sources) {
                    (true, _) => Some(Then::Stop),
                    (false, true) => Some(Then::End),
                    (false, false) if wishes.now || (Instant::now() >= next && self.is_due()) => Some(Then::Continue),
                    (false, false) => None,
                };
                if let Some(then) = then {
                    in_flight = Some(self.begin(then)?);
                    wishes.now = false;
                }
                if Instant::now() >= next {
                    next = Instant::now() + self.interval;
                }
            }
            let event = tokio::select! {
                event = self.events.recv() => event,
                () = tokio::time::sleep_until(next), if in_flight.is_none() => None,
                changed = self.applied.changed() => {
                    changed.map_err(|_| Error::internal("the committers are gone"))?;
                    self.hear_of_sinks()?;
                    None
                }
            };
            match event {
                None => {}
                Some(Event::Ack(ack)) => {
                    let Some(flight) = in_flight.as_mut() else { continue };
                    self.take(*ack, flight);
                    if flight.acks == self.tasks
                        && let Some(flight) = in_flight.take()
                    {
                        let barrier = flight.barrier;
                        self.decide(flight).await?;
                        if barrier.then != Then::Continue {
                            return Ok(barrier);
                        }
                    }
                }
                Some(Event::InputEnded) => wishes.ended += 1,
                Some(Event::EpochFull) => wishes.now = true,
                Some(Event::Stop) => wishes.stop = true,
                Some(Event::Abort) => return Err(torn_down()),
                Some(Event::Failed(error)) => return Err(error),
                Some(Event::Note(text)) => self.messages.lock().push(text),
            }
        }
    }

    /// What is left to do after the last barrier.
    pub fn closing(self) -> Closing {
        Closing {
            refused: self.refused,
            store: self.store,
            positions: self.positions,
            watermarks: self.watermarks,
            decided: self.decided,
        }
    }

    /// Whether anything has happened that an epoch is worth.
    fn is_due(&self) -> bool {
        self.control.is_dirty() || self.refused.is_due()
    }

    fn begin(&mut self, then: Then) -> Result<InFlight> {
        let mut contents = EpochContents { epoch: self.epoch, final_: then == Then::End, ..EpochContents::default() };
        self.refused.take(&mut contents)?;
        let barrier = Barrier { epoch: self.epoch, then };
        self.control.ask(barrier, then == Then::Continue && self.store.over_pending_limit());
        Ok(InFlight { barrier, contents, scans: ScanWatermarks::default(), acks: 0 })
    }

    fn take(&mut self, ack: Ack, flight: &mut InFlight) {
        let task = ack.task;
        self.positions.extend(ack.positions);
        for (key, watermark) in ack.watermarks {
            let entry = self.watermarks.entry(key).or_insert(watermark);
            *entry = (*entry).max(watermark);
        }
        for (source, watermark) in ack.scans {
            flight.scans.take(source, watermark);
        }
        flight.contents.rows.extend(ack.rows.into_iter().map(|(sink, lane, refs)| (sink, lane, task, refs)));
        flight.contents.state.extend(ack.state.into_iter().map(|(id, refs)| (id, task, refs)));
        flight.acks += 1;
    }

    async fn decide(&mut self, flight: InFlight) -> Result<()> {
        let mut contents = flight.contents;
        flight.scans.put_into(&mut self.watermarks);
        contents.positions = self.positions.clone();
        contents.watermarks = self.watermarks.clone();
        self.store.decide(contents).await?;
        // Only now: until then the open epoch's size still counts what has just been decided.
        self.limit.told.store(false, Ordering::Relaxed);
        self.epoch += 1;
        self.decided.store(self.epoch, Ordering::Relaxed);
        Ok(())
    }

    /// The sinks have come further, or failed.
    fn hear_of_sinks(&mut self) -> Result<()> {
        let progress = self.applied.borrow_and_update().clone();
        if let Some(error) = progress.failed {
            return Err(error);
        }
        if self.control.is_paused() && !self.store.over_pending_limit() {
            self.control.resume();
        }
        self.teller.applied(progress.applied_epoch);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(before: Option<i64>, told: &[i64]) -> Option<i64> {
        let key = ("in".to_owned(), WHOLE_SCAN.to_owned());
        let mut watermarks: BTreeMap<SplitKey, i64> = before.map(|w| (key.clone(), w)).into_iter().collect();
        let mut scans = ScanWatermarks::default();
        for watermark in told {
            scans.take("in".to_owned(), *watermark);
        }
        scans.put_into(&mut watermarks);
        watermarks.remove(&key)
    }

    #[test]
    fn the_first_task_at_a_barrier_says_how_far_a_scan_is() {
        assert_eq!(saved(None, &[5, 7, 7]), Some(5));
        assert_eq!(saved(None, &[7, 5]), Some(5));
        assert_eq!(saved(None, &[NONE, 7]), None, "what came later is read again after a crash");
        assert_eq!(saved(Some(4), &[NONE, 7]), Some(4));
        assert_eq!(saved(Some(6), &[5, 5]), Some(6), "it never falls");
        assert_eq!(saved(None, &[5, END]), Some(5));
        assert_eq!(saved(Some(3), &[END, END]), Some(3), "the end of what there is now is not the end");
    }
}
