//! From an answer to its records.

use std::ops::Range;

use bytes::Bytes;

use super::aborted::Aborted;
use super::batch::{Batch, Header, Old};
use super::codec;
use super::wire::Cut;
use crate::fetched::{Fetched, Record, Taker};

/// The batches of one answer, read from front to back.
pub(super) struct Answer {
    /// The bytes of the answer.
    frame: Bytes,
    /// The batches ahead, in the frame.
    ahead: Range<usize>,
    /// The batch that is read.
    open: Option<Open>,
    /// Its records, where they came compressed.
    unpacked: Vec<u8>,
    aborted: Aborted,
    check: bool,
    /// No batch of it has been read.
    untouched: bool,
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
        Answer {
            frame: Bytes::new(),
            ahead: 0..0,
            open: None,
            unpacked: Vec::new(),
            aborted: Aborted::default(),
            check,
            untouched: false,
        }
    }

    /// Goes on with the batches that are at this place of these bytes.
    pub(super) fn begin(&mut self, frame: Bytes, batches: Range<usize>, aborted: Vec<(i64, i64)>) {
        debug_assert!(self.is_over());
        (self.frame, self.ahead, self.aborted) = (frame, batches, Aborted::new(aborted));
        self.untouched = true;
    }

    /// Whether all of it has been read.
    pub(super) fn is_over(&self) -> bool {
        self.ahead.is_empty() && self.open.is_none()
    }

    /// Gives records to `taker` until `count` has grown to `most`, the answer is over, or the taker does not want what
    /// follows now. Whether it was the taker.
    pub(super) fn take(&mut self, most: usize, count: &mut usize, taker: &mut impl Taker) -> Result<bool, Stop> {
        while *count < most {
            if let Some(open) = &mut self.open {
                if !(if open.packed { taker.lies_elsewhere() } else { taker.lies_in(&self.frame) }) {
                    return Ok(true);
                }
                let bytes = if open.packed { &self.unpacked[..] } else { &self.frame[..] };
                *count += open.take(bytes, most - *count, taker)?;
                if open.left == 0 {
                    taker.take(Fetched::End(open.header.next()));
                    self.open = None;
                }
            } else if !self.open(taker)? {
                // Its memory is wanted for the next.
                self.frame = Bytes::new();
                break;
            }
        }
        Ok(false)
    }

    /// Opens the next batch that has records to give. Whether there is one.
    fn open(&mut self, taker: &mut impl Taker) -> Result<bool, Stop> {
        while !self.ahead.is_empty() {
            let mut bytes = &self.frame[self.ahead.clone()];
            let batch = match Batch::read(&mut bytes) {
                Some(Ok(batch)) => batch,
                Some(Err(Old)) => return Err(Stop::Old),
                // A broker sends at least one; asking again would give the same.
                None if self.untouched => return Err(Stop::Damaged("the answer has no whole batch".to_owned())),
                // The last one is cut off where the answer was full.
                None => {
                    self.ahead = 0..0;
                    return Ok(false);
                }
            };
            self.untouched = false;
            let end = self.ahead.end - bytes.len();
            self.ahead.start = end;
            let header = batch.header;
            if self.check && !batch.is_sound() {
                return Err(damaged(&header, "its CRC is another"));
            }
            if self.aborted.hides(&batch) || header.is_control() || header.records <= 0 {
                taker.take(Fetched::End(header.next()));
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
    /// Gives up to `most` records to `taker`. How many.
    fn take(&mut self, bytes: &[u8], most: usize, taker: &mut impl Taker) -> Result<usize, Stop> {
        let mut cut = Cut(&bytes[self.at..]);
        let count = most.min(usize::try_from(self.left).unwrap_or(0));
        for _ in 0..count {
            let Some(record) = Record::read(&mut cut, &self.header) else {
                return Err(damaged(&self.header, "a record of it makes no sense"));
            };
            taker.take(Fetched::Record(record));
        }
        self.at = bytes.len() - cut.0.len();
        self.left -= count as i32;
        Ok(count)
    }
}

fn damaged(header: &Header, what: &str) -> Stop {
    Stop::Damaged(format!("the batch at offset {} is damaged: {what}", header.base_offset))
}
