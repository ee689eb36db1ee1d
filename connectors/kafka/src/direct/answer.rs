//! From an answer to its records.

use std::ops::Range;

use super::aborted::Aborted;
use super::batch::{Batch, Header, Old};
use super::codec;
use super::connection::Frame;
use super::wire::Cut;
use crate::fetched::{Fetched, Record};

/// The batches of one answer, read from front to back. Its memory is used again for the next.
pub(super) struct Answer {
    frame: Frame,
    /// The batches ahead.
    ahead: Range<usize>,
    /// The batch that is read.
    open: Option<Open>,
    /// Its records, where they came compressed.
    unpacked: Vec<u8>,
    aborted: Aborted,
    check: bool,
}

/// A batch of which records are still to be read.
struct Open {
    header: Header,
    packed: bool,
    /// Where the next record begins.
    at: usize,
    left: i32,
}

/// Why reading an answer stops.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Bytes that no producer wrote.
    Damaged(String),
    /// Records of a format that is not read here.
    Old,
}

/// How far an answer goes: the offset behind its last batch, and the leader's epoch in it.
pub(super) fn reaches(mut batches: &[u8]) -> Option<(i64, i32)> {
    let all = std::iter::from_fn(|| Batch::read(&mut batches)?.ok());
    all.last().map(|batch| (batch.header.next(), batch.header.leader_epoch))
}

impl Answer {
    /// None yet. `check`: whether the sums of batches are looked at.
    pub(super) fn new(check: bool) -> Answer {
        let frame = Frame::default();
        Answer { frame, ahead: 0..0, open: None, unpacked: Vec::new(), aborted: Aborted::default(), check }
    }

    /// Goes on with the batches that are at this place of a frame, which is exchanged for the old one.
    pub(super) fn begin(&mut self, frame: &mut Frame, batches: Range<usize>, aborted: Vec<(i64, i64)>) {
        debug_assert!(self.is_over());
        std::mem::swap(&mut self.frame, frame);
        (self.ahead, self.aborted) = (batches, Aborted::new(aborted));
    }

    /// Whether all of it has been read.
    pub(super) fn is_over(&self) -> bool {
        self.ahead.is_empty() && self.open.is_none()
    }

    /// Gives records to `each` until `count` has grown to `most` or the answer is over.
    pub(super) fn take(
        &mut self,
        most: usize,
        count: &mut usize,
        each: &mut impl FnMut(Fetched<'_>),
    ) -> Result<(), Stop> {
        while *count < most {
            if let Some(open) = &mut self.open {
                let bytes = if open.packed { &self.unpacked[..] } else { self.frame.body() };
                *count += open.take(bytes, most - *count, each)?;
                if open.left == 0 {
                    each(Fetched::End(open.header.next()));
                    self.open = None;
                }
            } else if !self.open(each)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Opens the next batch that has records to give. Whether there is one.
    fn open(&mut self, each: &mut impl FnMut(Fetched<'_>)) -> Result<bool, Stop> {
        while !self.ahead.is_empty() {
            let body = self.frame.body();
            let mut bytes = &body[self.ahead.clone()];
            let batch = match Batch::read(&mut bytes) {
                Some(Ok(batch)) => batch,
                Some(Err(Old)) => return Err(Stop::Old),
                // The last one is cut off where the answer was full.
                None => {
                    self.ahead = 0..0;
                    return Ok(false);
                }
            };
            let end = self.ahead.end - bytes.len();
            self.ahead.start = end;
            let header = batch.header;
            if self.check && !batch.is_sound() {
                return Err(damaged(&header, "its CRC is another"));
            }
            if self.aborted.hides(&batch) || header.is_control() || header.records <= 0 {
                each(Fetched::End(header.next()));
                continue;
            }
            let packed = header.codec() != 0;
            if packed {
                codec::unpack(header.codec(), batch.records, &mut self.unpacked)
                    .map_err(|e| damaged(&header, &format!("it cannot be unpacked: {e}")))?;
            }
            let at = if packed { 0 } else { end - batch.records.len() };
            self.open = Some(Open { header, packed, at, left: header.records });
            return Ok(true);
        }
        Ok(false)
    }
}

impl Open {
    /// Gives up to `most` records to `each`. How many.
    fn take(&mut self, bytes: &[u8], most: usize, each: &mut impl FnMut(Fetched<'_>)) -> Result<usize, Stop> {
        let mut cut = Cut(&bytes[self.at..]);
        let count = most.min(usize::try_from(self.left).unwrap_or(0));
        for _ in 0..count {
            let Some(record) = Record::read(&mut cut, &self.header) else {
                return Err(damaged(&self.header, "a record of it makes no sense"));
            };
            each(Fetched::Record(record));
        }
        self.at = bytes.len() - cut.0.len();
        self.left -= count as i32;
        Ok(count)
    }
}

fn damaged(header: &Header, what: &str) -> Stop {
    Stop::Damaged(format!("the batch at offset {} is damaged: {what}", header.base_offset))
}
