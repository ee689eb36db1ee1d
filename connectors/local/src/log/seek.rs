//! Finding the block of an offset or of a timestamp by walking block headers.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use tidegate_core::{Error, Result, ResultExt};

use super::append::{segment_path, segments};
use super::block::{BlockHeader, HEADER, timestamps};
use super::topic::PartitionEnd;

/// Headers are read through a window, so that many small blocks cost few reads.
const WINDOW: usize = 8 << 10;

/// A segment that is open for reading.
pub(super) struct Segment {
    pub(super) base: i64,
    pub(super) file: File,
}

impl Segment {
    pub(super) fn open(dir: &Path, partition: u32, base: i64) -> Result<Segment> {
        let path = segment_path(dir, partition, base);
        let file = File::open(&path).context(|| path.display().to_string())?;
        Ok(Segment { base, file })
    }

    /// The committed bytes of this segment.
    pub(super) fn limit(&self, end: &PartitionEnd) -> Result<u64> {
        if self.base == end.segment { Ok(end.size) } else { Ok(self.file.metadata()?.len()) }
    }
}

struct Headers<'a> {
    segment: &'a Segment,
    at: u64,
    limit: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl<'a> Headers<'a> {
    fn new(segment: &'a Segment, end: &PartitionEnd) -> Result<Self> {
        Ok(Headers { segment, at: 0, limit: segment.limit(end)?, window: Vec::new(), window_at: 0 })
    }

    fn next(&mut self) -> Result<Option<(u64, BlockHeader)>> {
        if self.at >= self.limit {
            return Ok(None);
        }
        let inside = self.at >= self.window_at && self.at + HEADER as u64 <= self.window_at + self.window.len() as u64;
        if !inside {
            let n = (self.limit - self.at).min(WINDOW as u64) as usize;
            self.window.resize(n, 0);
            self.segment.file.read_exact_at(&mut self.window, self.at)?;
            self.window_at = self.at;
        }
        let header = BlockHeader::parse(&self.window[(self.at - self.window_at) as usize..])
            .ok_or_else(|| corrupt(self.segment.base, self.at))?;
        let at = self.at;
        self.at += header.len as u64;
        Ok(Some((at, header)))
    }
}

/// Bytes that are not what was written.
pub(super) fn corrupt(base: i64, at: u64) -> Error {
    Error::external(format!("segment {base}: the block at byte {at} is damaged"))
        .fatal()
        .help("the file was changed or the disk lost data; restore the topic from a copy")
}

/// The segment and byte of the block that holds `offset`, or where it will be written: the end of the
/// newest segment. `offset` lies in `end.first ..= end.next`.
pub(super) fn block_of(dir: &Path, partition: u32, end: &PartitionEnd, offset: i64) -> Result<Option<(Segment, u64)>> {
    let Some(base) = segments(dir, partition, end.segment)?.into_iter().rfind(|b| *b <= offset) else {
        return Ok(None);
    };
    let segment = Segment::open(dir, partition, base)?;
    let mut at = 0;
    let mut headers = Headers::new(&segment, end)?;
    while let Some((start, header)) = headers.next()? {
        if header.end() > offset {
            at = start;
            break;
        }
        at = headers.at;
    }
    Ok(Some((segment, at)))
}

/// The first offset whose timestamp is at or after `timestamp`; the next offset where there is none.
pub(super) fn offset_at(dir: &Path, partition: u32, end: &PartitionEnd, timestamp: i64) -> Result<i64> {
    for base in segments(dir, partition, end.segment)? {
        let segment = Segment::open(dir, partition, base)?;
        let mut headers = Headers::new(&segment, end)?;
        while let Some((at, header)) = headers.next()? {
            if header.max_timestamp < timestamp {
                continue;
            }
            let mut block = vec![0; header.len];
            segment.file.read_exact_at(&mut block, at)?;
            if !header.intact(&block) {
                return Err(corrupt(base, at));
            }
            if let Some(i) = timestamps(&block, &header).position(|t| t >= timestamp) {
                return Ok(header.base + i as i64);
            }
        }
    }
    Ok(end.next)
}
