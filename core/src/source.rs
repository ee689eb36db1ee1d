//! Sources.
//!
//! ```text
//! planner            runtime                         connector
//!   | ScanRequest      |                                |
//!   |----------------->| Source::splits --------------->|  at start and every discovery interval
//!   |                  | Source::resolve(StartMode) --->|  once a split, before epoch 0 is decided
//!   |                  | Source::open(split, position)->|  SplitReader
//!   |                  | SplitReader::read  (again and again, on a worker thread)
//!   |                  | Source::applied(positions) --->|  after every sink has applied the epoch
//! ```

use std::time::Duration;

use async_trait::async_trait;

use crate::change::ChangeBatch;
use crate::error::Result;
use crate::raw::RawBatch;
use crate::split::{Bound, Position, Split, StartMode};

/// When a batch is closed, whichever comes first.
#[derive(Debug, Clone, Copy)]
pub struct BatchLimits {
    /// Records.
    pub rows: usize,
    /// Bytes of keys and values.
    pub bytes: usize,
    /// How long to wait for the first record. Zero: do not wait.
    pub wait: Duration,
}

/// What a read gave.
#[derive(Debug)]
pub enum Read {
    /// Undecoded messages (message sources).
    Messages(RawBatch),
    /// Decoded rows and the position after them (table sources, generators).
    Rows(ChangeBatch, Position),
    /// Nothing within [`BatchLimits::wait`]; more may come.
    Nothing,
    /// The split has ended for good (a finite file or generator): nothing will ever come.
    End,
}

/// A source table.
///
/// Obligations: `splits` and `resolve` may be called at any time and from any thread; several
/// readers are open at once, one a split. The job's positions are kept by the runtime; a source
/// keeps none of its own.
#[async_trait]
pub trait Source: Send + Sync {
    /// The splits that exist now, each with its identity. Never shrinks while the job runs; a split
    /// that appears later is read from its beginning.
    ///
    /// # Errors
    /// Where the source cannot be reached or does not exist (user error that names it).
    async fn splits(&self) -> Result<Vec<Split>>;

    /// The position at which a split starts. Called once in a split's life, before anything is read.
    /// [`Resolved::skipped`] tells how many records lie before it, for the start message.
    ///
    /// # Errors
    /// Where the mode cannot be answered (no committed group offset and no fallback, for instance).
    async fn resolve(&self, split: &Split, mode: &StartMode) -> Result<Resolved>;

    /// The exclusive end of a bounded read; `None` where the split ends by itself ([`Read::End`]).
    ///
    /// # Errors
    /// Where the bound cannot be answered.
    async fn bound(&self, split: &Split, bound: &Bound) -> Result<Option<Position>>;

    /// Whether a stored position can no longer be read from, because the source has removed what comes
    /// next or has been cut off. `None`: it can. The split's identity is still the stored one.
    ///
    /// # Errors
    /// Where the source cannot be reached.
    async fn lost(&self, split: &Split, position: &Position) -> Result<Option<LostRange>> {
        let _ = (split, position);
        Ok(None)
    }

    /// Opens a split at a position made by `resolve` or a reader. Reading twice from one position
    /// gives the same records. With `end`, the reader answers [`Read::End`] on reaching it.
    ///
    /// # Errors
    /// `Lost`-like user error, never a silent reset, where the position is no longer there or the
    /// split's identity has changed.
    async fn open(&self, split: &Split, at: &Position, end: Option<&Position>) -> Result<Box<dyn SplitReader>>;

    /// Everything before these positions has been applied at every sink. For information only
    /// (consumer-group offsets): may fail without harm, is logged, and is not repeated.
    ///
    /// # Errors
    /// Where telling failed.
    async fn applied(&self, positions: &[(Split, Position)]) -> Result<()> {
        let _ = positions;
        Ok(())
    }

    /// How often `splits` is asked again; `None`: never.
    fn discovery_interval(&self) -> Option<Duration> {
        None
    }
}

/// The answer of [`Source::lost`]: what can no longer be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostRange {
    /// In words: "offsets 5 to 9 have been removed, the oldest record is at 10".
    pub what: String,
    /// How many records that were never read; `None` where unknown.
    pub records: Option<u64>,
    /// Where reading can go on, for those who accept the loss.
    pub resume: Position,
}

/// The answer of [`Source::resolve`].
#[derive(Debug, Clone)]
pub struct Resolved {
    /// Where to start.
    pub position: Position,
    /// Records that lie before it and will not be read; `None` where unknown.
    pub skipped: Option<u64>,
}

/// Reads one split, on one worker thread at a time.
pub trait SplitReader: Send {
    /// The next batch, in order, without gaps. Blocks at most about `limits.wait`.
    ///
    /// # Errors
    /// A retriable external error leaves the reader where it was: the next call tries again. After
    /// any other error the reader is dropped.
    fn read(&mut self, limits: &BatchLimits) -> Result<Read>;

    /// Where the next read starts.
    fn position(&self) -> Position;
}
