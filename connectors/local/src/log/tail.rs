//! All partitions of a topic in turn, for people who look.

use std::time::{Duration, Instant};

use tidegate_core::Result;
use tidegate_core::raw::RawBatch;
use tidegate_core::source::{BatchLimits, Read, SplitReader};
use tidegate_core::split::StartMode;

use super::reader::LogReader;
use super::seek::offset_at;
use super::topic::Log;

/// Reads every partition of a topic, a batch of one after a batch of the next.
pub struct Tail {
    readers: Vec<LogReader>,
    turn: usize,
}

impl Log {
    /// Reads all partitions from a start on: to what is there now, or for ever with `follow`.
    ///
    /// # Errors
    /// Where the start cannot be answered or the files cannot be read.
    pub fn tail(&self, start: &StartMode, follow: bool) -> Result<Tail> {
        let mut readers = Vec::new();
        for partition in 0..self.partitions() {
            let end = (!follow).then(|| self.range(partition).map(|r| r.next)).transpose()?;
            let from = self.start_offset(partition, start)?;
            readers.push(self.reader(partition, end.map_or(from, |e| from.min(e)), end)?);
        }
        Ok(Tail { readers, turn: 0 })
    }

    /// The first offset at or after a time in ms; the next offset where there is none.
    ///
    /// # Errors
    /// Where the files cannot be read.
    pub fn offset_at(&self, partition: u32, timestamp: i64) -> Result<i64> {
        offset_at(&self.shared.dir, partition, &self.shared.end(partition)?, timestamp)
    }

    pub(super) fn start_offset(&self, partition: u32, start: &StartMode) -> Result<i64> {
        let range = self.range(partition)?;
        Ok(match start {
            StartMode::Latest => range.next,
            StartMode::Timestamp(t) => self.offset_at(partition, *t)?,
            StartMode::Offsets(all) => {
                all.iter().find(|(p, _)| *p == partition as i32).map_or(range.first, |(_, o)| *o)
            }
            StartMode::Earliest | StartMode::GroupOffsets(_) => range.first,
        })
    }
}

impl Tail {
    /// The next batch of any partition; `None` after waiting this long, or at the end.
    ///
    /// # Errors
    /// Where the files cannot be read or the topic was deleted.
    pub fn next(&mut self, wait: Duration) -> Result<Option<RawBatch>> {
        let until = Instant::now() + wait;
        let limits = |wait| BatchLimits { rows: 8192, bytes: 1 << 20, wait };
        loop {
            let mut ended = 0;
            for _ in 0..self.readers.len() {
                self.turn = (self.turn + 1) % self.readers.len();
                match self.readers[self.turn].read(&limits(Duration::ZERO))? {
                    Read::Messages(batch) => return Ok(Some(batch)),
                    Read::End => ended += 1,
                    Read::Nothing | Read::Rows(..) => {}
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            if ended == self.readers.len() || left.is_zero() {
                return Ok(None);
            }
            std::thread::sleep(left.min(Duration::from_millis(10)));
        }
    }

    /// Whether every partition has been read to its end. Never, where it follows.
    pub fn ended(&self) -> bool {
        self.readers.iter().all(LogReader::at_end)
    }
}
