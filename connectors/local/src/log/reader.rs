//! Reading one partition: one large read, then pointing at records in it.

use std::collections::VecDeque;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tidegate_core::raw::{RawBatch, RawRecord};
use tidegate_core::source::{BatchLimits, Read, SplitReader};
use tidegate_core::split::Position;
use tidegate_core::{Error, Result};

use super::block::{BlockHeader, HEADER, records};
use super::seek::{Segment, block_of, corrupt};
use super::topic::{Log, PartitionEnd, Shared, lost};

/// How much is read at once.
const CHUNK: usize = 1 << 20;
/// Chunks kept to be used again once nobody points into them.
const KEPT: usize = 4;

/// Reads a partition from an offset on. Sees only what is committed.
pub struct LogReader {
    shared: Arc<Shared>,
    partition: u32,
    next: i64,
    end: Option<i64>,
    known: PartitionEnd,
    segment: Option<Segment>,
    /// Byte of the block that holds `next` in the segment.
    at: u64,
    chunk: Bytes,
    chunk_at: u64,
    /// Blocks of the chunk that start below this byte have been checked.
    checked: u64,
    kept: VecDeque<Bytes>,
}

impl Log {
    /// Reads a partition from an offset on, to `end` (exclusive) or for ever.
    ///
    /// # Errors
    /// Where the partition has no such offset, never a silent reset.
    pub fn reader(&self, partition: u32, offset: i64, end: Option<i64>) -> Result<LogReader> {
        let shared = self.shared.clone();
        shared.check_identity()?;
        let known = shared.end(partition)?;
        if offset < known.first || offset > known.next {
            return Err(lost(
                self.name(),
                &format!("has offsets {}..{} in partition {partition}, not {offset}", known.first, known.next),
            ));
        }
        let (chunk, kept) = (Bytes::new(), VecDeque::new());
        let mut reader = LogReader {
            shared,
            partition,
            next: offset,
            end,
            known,
            segment: None,
            at: 0,
            chunk,
            chunk_at: 0,
            checked: 0,
            kept,
        };
        reader.seek()?;
        Ok(reader)
    }
}

impl LogReader {
    /// The next offset to be read.
    pub fn offset(&self) -> i64 {
        self.next
    }

    /// Whether the end it was opened with is reached.
    pub(super) fn at_end(&self) -> bool {
        self.end.is_some_and(|e| self.next >= e)
    }

    fn seek(&mut self) -> Result<()> {
        if let Some((segment, at)) = block_of(&self.shared.dir, self.partition, &self.known, self.next)? {
            (self.segment, self.at) = (Some(segment), at);
        }
        self.forget_chunk();
        Ok(())
    }

    fn forget_chunk(&mut self) {
        (self.chunk, self.chunk_at, self.checked) = (Bytes::new(), 0, 0);
    }

    /// The next records within the limits; `known` says that there are some.
    fn batch(&mut self, limits: &BatchLimits) -> Result<RawBatch> {
        let stop = self.end.map_or(self.known.next, |e| e.min(self.known.next));
        let rows = limits.rows.max(1).min((stop - self.next) as usize);
        let mut out: Vec<RawRecord> = Vec::with_capacity(rows);
        let mut bytes = 0;
        self.load()?;
        while out.len() < rows && (out.is_empty() || bytes < limits.bytes) {
            let Some(header) = self.block()? else { break };
            let start = (self.at - self.chunk_at) as usize;
            let skip = (self.next - header.base) as usize;
            records(&self.chunk, start, &header, skip, rows - out.len(), &mut out).ok_or_else(|| self.damaged())?;
            let got = out.last().map_or(self.next, |r| r.offset + 1);
            bytes += header.len;
            self.next = got;
            if got == header.end() {
                self.at += header.len as u64;
            }
        }
        Ok(RawBatch {
            topic: self.shared.name.clone(),
            partition: self.partition as i32,
            data: self.chunk.clone(),
            records: out,
            next: self.position(),
            behind: Some((self.known.next - self.next) as u64),
        })
    }

    fn damaged(&self) -> Error {
        corrupt(self.segment.as_ref().map_or(0, |s| s.base), self.at)
            .context(format!("topic {} partition {} offset {}", self.shared.name, self.partition, self.next))
    }

    /// The header of the block at `at`, checked, if all of it lies in the chunk.
    fn block(&mut self) -> Result<Option<BlockHeader>> {
        let rest = &self.chunk[(self.at - self.chunk_at) as usize..];
        if rest.len() < HEADER {
            return Ok(None);
        }
        let header = BlockHeader::parse(rest).ok_or_else(|| self.damaged())?;
        if rest.len() < header.len {
            return Ok(None);
        }
        if self.at >= self.checked {
            if !header.intact(&rest[..header.len]) || header.base > self.next || header.end() <= self.next {
                return Err(self.damaged());
            }
            self.checked = self.at + header.len as u64;
        }
        Ok(Some(header))
    }

    /// Makes sure that the chunk holds the whole block at `at`.
    fn load(&mut self) -> Result<()> {
        if self.at >= self.chunk_at && self.at - self.chunk_at < self.chunk.len() as u64 && self.block()?.is_some() {
            return Ok(());
        }
        if self.segment.is_none() {
            self.seek()?;
        }
        let mut limit = self.limit()?;
        if self.at >= limit {
            // The segment is read to its end, and there is more: the next one begins with `next`.
            self.segment = Some(Segment::open(&self.shared.dir, self.partition, self.next)?);
            self.at = 0;
            limit = self.limit()?;
        }
        let left = limit.saturating_sub(self.at) as usize;
        self.fill(left.min(CHUNK))?;
        let need = BlockHeader::parse(&self.chunk).ok_or_else(|| self.damaged())?.len;
        if need > self.chunk.len() {
            if need > left {
                return Err(self.damaged());
            }
            self.fill(need)?;
        }
        Ok(())
    }

    fn limit(&self) -> Result<u64> {
        self.segment.as_ref().map_or(Ok(0), |s| s.limit(&self.known))
    }

    /// Reads `n` bytes from `at` into a buffer that nobody points into any more, or a new one.
    fn fill(&mut self, n: usize) -> Result<()> {
        let old = std::mem::take(&mut self.chunk);
        if !old.is_empty() {
            self.kept.push_back(old);
        }
        let free = self.kept.pop_front().and_then(|b| match b.try_into_mut() {
            Ok(buffer) => Some(buffer),
            Err(in_use) => {
                if self.kept.len() < KEPT {
                    self.kept.push_back(in_use);
                }
                None
            }
        });
        let mut buffer = free.unwrap_or_else(|| BytesMut::zeroed(n.max(CHUNK.min(4 * n))));
        buffer.resize(n, 0);
        let segment = self.segment.as_ref().ok_or_else(|| Error::internal("no segment to read from"))?;
        segment.file.read_exact_at(&mut buffer, self.at)?;
        (self.chunk, self.chunk_at, self.checked) = (buffer.freeze(), self.at, self.at);
        Ok(())
    }
}

impl SplitReader for LogReader {
    fn read(&mut self, limits: &BatchLimits) -> Result<Read> {
        if self.at_end() {
            return Ok(Read::End);
        }
        if self.next >= self.known.next {
            self.known = self.shared.wait_beyond(self.partition, self.next, limits.wait)?;
            if self.next >= self.known.next {
                return Ok(Read::Nothing);
            }
        }
        self.batch(limits).map(Read::Messages)
    }

    fn position(&self) -> Position {
        Position(self.next.to_string())
    }
}
