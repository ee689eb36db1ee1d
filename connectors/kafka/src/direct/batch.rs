//! Record batches (KIP-98, message format 2) as brokers keep and send them.
//!
//! ```text
//! i64 base offset, i32 length of what follows, i32 leader epoch, i8 magic, u32 CRC-32C of what follows,
//! i16 attributes, i32 last offset delta, i64 base timestamp, i64 largest timestamp, i64 producer id,
//! i16 producer epoch, i32 base sequence, i32 number of records, records (compressed together)
//!
//! a record: varint length, i8, varlong timestamp delta, varint offset delta, key, value, headers
//! ```

use tidegate_core::raw::BrokerFacts;

use super::wire::Cut;
use crate::fetched::{self, Named, Record};

/// Bytes in front of the records.
const HEADER: usize = 61;
/// Bytes that are not counted by the length in the header.
const UNCOUNTED: usize = 12;
/// Where the bytes begin that the CRC is of.
const CHECKED: usize = 21;

/// The only format that is written since Kafka 0.11; older records are kept as they were.
const MAGIC: i8 = 2;

/// Records of an older format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Old;

/// What stands in front of a batch's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub base_offset: i64,
    pub leader_epoch: i32,
    pub crc: u32,
    attributes: i16,
    last_delta: i32,
    base_timestamp: i64,
    largest_timestamp: i64,
    pub producer: i64,
    pub records: i32,
}

/// One batch among others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch<'a> {
    pub header: Header,
    /// The records, as they came.
    pub records: &'a [u8],
    /// What the CRC is of.
    pub checked: &'a [u8],
}

impl<'a> Batch<'a> {
    /// The first batch of some bytes, which then begin behind it. `None`: there is no whole one: the last of an
    /// answer may be cut off.
    pub(super) fn read(bytes: &mut &'a [u8]) -> Option<Result<Batch<'a>, Old>> {
        let mut cut = Cut(bytes);
        let base_offset = cut.i64()?;
        let length = usize::try_from(cut.i32()?).ok()?;
        let (whole, rest) = bytes.split_at_checked(length.checked_add(UNCOUNTED)?)?;
        let leader_epoch = cut.i32()?;
        if cut.i8()? != MAGIC {
            return Some(Err(Old));
        }
        let header = Header::read(&mut cut, base_offset, leader_epoch)?;
        *bytes = rest;
        Some(Ok(Batch { header, records: whole.get(HEADER..)?, checked: whole.get(CHECKED..)? }))
    }

    /// Whether it is what its writer wrote.
    pub(super) fn is_sound(&self) -> bool {
        crc32c::crc32c(self.checked) == self.header.crc
    }

    /// Whether it marks the end of an aborted transaction: the only record of such a batch has a version and
    /// 0 as its key.
    pub(super) fn is_abort(&self) -> bool {
        let mut cut = Cut(self.records);
        self.header.is_control()
            && Record::read(&mut cut, &self.header)
                .is_some_and(|r| r.key.is_some_and(|key| key.get(2..4) == Some(&[0, 0])))
    }
}

impl Header {
    fn read(cut: &mut Cut<'_>, base_offset: i64, leader_epoch: i32) -> Option<Header> {
        let crc = cut.i32()? as u32;
        let attributes = cut.i16()?;
        let last_delta = cut.i32()?;
        let (base_timestamp, largest_timestamp) = (cut.i64()?, cut.i64()?);
        let producer = cut.i64()?;
        let (_epoch, _sequence) = (cut.i16()?, cut.i32()?);
        let records = cut.i32()?;
        Some(Header {
            base_offset,
            leader_epoch,
            crc,
            attributes,
            last_delta,
            base_timestamp,
            largest_timestamp,
            producer,
            records,
        })
    }

    /// The offset of what follows, which holds for compacted batches too.
    pub(super) fn next(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.last_delta)).saturating_add(1)
    }

    /// The number of the codec, 0 for none.
    pub(super) fn codec(&self) -> i16 {
        self.attributes & 0b111
    }

    pub(super) fn is_transactional(&self) -> bool {
        self.attributes & 0x10 != 0
    }

    pub(super) fn is_control(&self) -> bool {
        self.attributes & 0x20 != 0
    }

    fn has_broker_time(&self) -> bool {
        self.attributes & 0x08 != 0
    }
}

impl<'a> Record<'a> {
    /// The next record of a batch; `None`: there is none, or only a part of one.
    #[inline]
    pub(super) fn read(cut: &mut Cut<'a>, header: &Header) -> Option<Record<'a>> {
        let length = usize::try_from(cut.signed()?).ok()?;
        let mut body = Cut(cut.bytes(length)?);
        let _attributes = body.i8()?;
        let delta = body.signed()?;
        let offset = header.base_offset.wrapping_add(body.signed()?);
        let key = body.nullable()?;
        let value = body.nullable()?;
        let log_append_time = header.has_broker_time();
        let timestamp =
            if log_append_time { header.largest_timestamp } else { header.base_timestamp.wrapping_add(delta) };
        let leader_epoch = (header.leader_epoch >= 0).then_some(header.leader_epoch);
        let broker = BrokerFacts { log_append_time, leader_epoch };
        Some(Record { offset, timestamp, broker, key, value, headers: fetched::Headers::Record(Headers(body.0)) })
    }
}

/// The headers of a record, not looked at yet: their number, then names and values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Headers<'a>(&'a [u8]);

#[cfg(test)]
impl<'a> Headers<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Headers<'a> {
        Headers(bytes)
    }
}

impl Headers<'_> {
    /// In order; `None` where the bytes make no sense.
    pub(crate) fn read(&self) -> Option<Named> {
        let mut cut = Cut(self.0);
        let count = cut.signed()?;
        (0..count)
            .map(|_| {
                let name = cut.nullable()??;
                let value = cut.nullable()?;
                Some((String::from_utf8_lossy(name).into_owned(), value.map(<[u8]>::to_vec)))
            })
            .collect()
    }
}
