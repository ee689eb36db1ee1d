//! One split as a source task reads it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tidegate_core::source::{BatchLimits, Read, SplitReader};
use tidegate_core::split::{Position, Split};
use tidegate_core::{Error, Result, Retry};

use crate::metrics::SplitMetrics;
use crate::store::{SavedPosition, SplitKey};

use super::control::{Event, Events};

/// A split, its reader and how far it is.
pub struct SplitRun {
    /// Under which its position is stored.
    pub key: SplitKey,
    /// The split.
    pub split: Split,
    /// Reads it; `None` once it has ended.
    pub reader: Option<Box<dyn SplitReader>>,
    /// Where reading goes on after what has been handed to the operators.
    pub position: Position,
    /// Its slot among the scan's watermarks.
    pub slot: usize,
    /// Its end is not known yet: [`Read::End`] is not to be expected.
    pub open_ended: bool,
    /// Record time of the last record, `i64::MIN` before the first.
    pub last_time: i64,
    /// How much record time the last batch spanned.
    pub span: i64,
    /// The last read gave records, so the next one probably will.
    pub ready: bool,
    /// When it was last asked.
    pub asked: Instant,
    /// Counters.
    pub metrics: Arc<SplitMetrics>,
    retry: Option<(Instant, u32)>,
}

/// What a read came to.
pub enum Outcome {
    /// Records.
    Records(Read),
    /// Nothing now.
    Nothing,
    /// Nothing ever again.
    Ended,
}

impl SplitRun {
    /// A split that stands at a position.
    pub fn new(
        key: SplitKey,
        split: Split,
        reader: Box<dyn SplitReader>,
        slot: usize,
        metrics: Arc<SplitMetrics>,
    ) -> Self {
        let position = reader.position();
        SplitRun {
            key,
            split,
            reader: Some(reader),
            position,
            slot,
            open_ended: false,
            last_time: i64::MIN,
            span: 0,
            ready: true,
            asked: Instant::now(),
            metrics,
            retry: None,
        }
    }

    /// What the store keeps.
    pub fn saved(&self) -> (SplitKey, SavedPosition) {
        (self.key.clone(), SavedPosition { position: self.position.clone(), identity: self.split.identity.clone() })
    }

    /// Reads a batch. A source that cannot be reached is tried again with growing pauses.
    ///
    /// # Errors
    /// Where trying again is useless.
    pub fn read(&mut self, limits: &BatchLimits, events: &Events) -> Result<Outcome> {
        let Some(reader) = self.reader.as_mut() else { return Ok(Outcome::Ended) };
        if self.retry.is_some_and(|(at, _)| Instant::now() < at) {
            return Ok(Outcome::Nothing);
        }
        match reader.read(limits) {
            Ok(read) => {
                self.retry = None;
                Ok(match read {
                    Read::Nothing => {
                        self.ready = false;
                        self.metrics.behind.store(0, Ordering::Relaxed);
                        Outcome::Nothing
                    }
                    Read::End => {
                        self.ready = false;
                        self.position = reader.position();
                        self.reader = None;
                        self.metrics.ended.store(true, Ordering::Relaxed);
                        Outcome::Ended
                    }
                    read => {
                        self.ready = true;
                        Outcome::Records(read)
                    }
                })
            }
            Err(e) => self.failed(e, events),
        }
    }

    fn failed(&mut self, error: Error, events: &Events) -> Result<Outcome> {
        let tries = self.retry.map_or(0, |(_, n)| n) + 1;
        let pause = match error.retry_advice() {
            Retry::Never => {
                return Err(error.context(format!("split {}", self.split.id)).context(format!("table {}", self.key.0)));
            }
            Retry::Backoff => Duration::from_millis(100 << tries.min(6)),
            Retry::After(pause) => pause,
        };
        if tries == 1 {
            let _ = events
                .send(Event::Note(format!("table {}, split {}: {error}; trying again", self.key.0, self.split.id)));
        }
        self.retry = Some((Instant::now() + pause, tries));
        self.ready = false;
        Ok(Outcome::Nothing)
    }
}
