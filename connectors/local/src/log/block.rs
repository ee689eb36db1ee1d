//! The block: some records of one partition, with one checksum.
//!
//! ```text
//! magic u32 | crc u32 of what follows | length u32 of all | records u32 | first offset i64 | newest timestamp i64
//! record table: key length i32, value length i32, headers length i32 (-1: NULL), timestamp i64; each
//! then key, value and headers of each record, one after the other
//! ```
//! All little endian. Records lie ready to be pointed at: reading copies nothing.

use tidegate_core::raw::{ByteRange, RawRecord};

use super::append::Record;

const MAGIC: u32 = u32::from_le_bytes(*b"TGB1");
/// Bytes before the record table.
pub(super) const HEADER: usize = 32;
const ENTRY: usize = 20;
/// A block is closed at this many bytes of keys and values …
const TARGET_BYTES: usize = 64 << 10;
/// … or this many records: what is thrown away when a reader starts in the middle stays small.
const TARGET_RECORDS: usize = 1024;

/// What stands before a block's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockHeader {
    crc: u32,
    /// Bytes of the block, header included.
    pub(super) len: usize,
    /// Records in it.
    pub(super) count: usize,
    /// Offset of its first record.
    pub(super) base: i64,
    /// The newest timestamp in it.
    pub(super) max_timestamp: i64,
}

impl BlockHeader {
    /// Reads a header; `None` where there is none.
    pub(super) fn parse(b: &[u8]) -> Option<BlockHeader> {
        let b: &[u8; HEADER] = b.get(..HEADER)?.try_into().ok()?;
        let int = |i: usize| u32::from_le_bytes([b[i], b[i + 1], b[i + 2], b[i + 3]]);
        let long = |i: usize| i64::from(int(i)) | (i64::from(int(i + 4)) << 32);
        let h = BlockHeader {
            crc: int(4),
            len: int(8) as usize,
            count: int(12) as usize,
            base: long(16),
            max_timestamp: long(24),
        };
        (int(0) == MAGIC && h.len >= HEADER + h.count * ENTRY).then_some(h)
    }

    /// Whether the bytes of the whole block are as they were written.
    pub(super) fn intact(&self, block: &[u8]) -> bool {
        block.len() == self.len && crc32fast::hash(&block[8..]) == self.crc
    }
    /// One past the offset of its last record.
    pub(super) fn end(&self) -> i64 {
        self.base + self.count as i64
    }
}

/// Points at the records of an intact block that starts at `at` in `data`, from the record `skip` on
/// and at most `limit` of them. `None` where lengths do not add up.
pub(super) fn records(
    data: &[u8],
    at: usize,
    h: &BlockHeader,
    skip: usize,
    limit: usize,
    out: &mut Vec<RawRecord>,
) -> Option<()> {
    let block = data.get(at..at + h.len)?;
    let table = &block[HEADER..HEADER + h.count * ENTRY];
    let mut cursor = (at + HEADER + table.len()) as u32;
    let end = (at + h.len) as u32;
    let mut cut = |n: i32| -> Option<ByteRange> {
        let start = cursor;
        cursor = start.wrapping_add(n.max(0) as u32);
        (n >= 0).then_some(ByteRange { start, end: cursor })
    };
    let wanted = limit.min(h.count.saturating_sub(skip));
    out.reserve(wanted);
    for (i, e) in table.chunks_exact(ENTRY).take(skip + wanted).enumerate() {
        let int = |i: usize| i32::from_le_bytes([e[i], e[i + 1], e[i + 2], e[i + 3]]);
        let (key, value, headers) = (cut(int(0)), cut(int(4)), cut(int(8)));
        if i >= skip {
            let timestamp = i64::from(int(12) as u32) | (i64::from(int(16)) << 32);
            out.push(RawRecord {
                key,
                value,
                headers,
                offset: h.base + i as i64,
                timestamp,
                broker: tidegate_core::raw::BrokerFacts::default(),
            });
        }
    }
    (cursor <= end).then_some(())
}

/// Timestamps of an intact block's records, in order.
pub(super) fn timestamps<'a>(block: &'a [u8], h: &BlockHeader) -> impl Iterator<Item = i64> + 'a {
    block[HEADER..]
        .chunks_exact(ENTRY)
        .take(h.count)
        .map(|e| i64::from_le_bytes([e[12], e[13], e[14], e[15], e[16], e[17], e[18], e[19]]))
}

/// Collects records of one partition into blocks.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    table: Vec<u8>,
    data: Vec<u8>,
    max_timestamp: i64,
    out: Vec<u8>,
    /// Records so far.
    pub(super) count: i64,
    base: i64,
}

impl Blocks {
    /// Blocks whose first record has this offset.
    pub(super) fn starting_at(base: i64) -> Self {
        Blocks { base, max_timestamp: i64::MIN, ..Blocks::default() }
    }

    /// Adds a record. Key, value and headers of one record must be below 1 GiB together.
    pub(super) fn push(&mut self, record: &Record<'_>, now: i64) {
        let size = [record.key, record.value, record.headers].iter().flatten().map(|b| b.len()).sum::<usize>();
        if !self.table.is_empty()
            && (self.data.len() + size > TARGET_BYTES || self.table.len() >= TARGET_RECORDS * ENTRY)
        {
            self.close();
        }
        for part in [record.key, record.value, record.headers] {
            self.table.extend_from_slice(&part.map_or(-1, |b| b.len() as i32).to_le_bytes());
            self.data.extend_from_slice(part.unwrap_or_default());
        }
        let timestamp = record.timestamp.unwrap_or(now);
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.table.extend_from_slice(&timestamp.to_le_bytes());
        self.count += 1;
    }

    /// The finished blocks.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if !self.table.is_empty() {
            self.close();
        }
        self.out
    }

    fn close(&mut self) {
        let len = HEADER + self.table.len() + self.data.len();
        let count = self.table.len() / ENTRY;
        let at = self.out.len();
        self.out.reserve(len);
        self.out.extend_from_slice(&MAGIC.to_le_bytes());
        self.out.extend_from_slice(&[0; 4]);
        self.out.extend_from_slice(&(len as u32).to_le_bytes());
        self.out.extend_from_slice(&(count as u32).to_le_bytes());
        self.out.extend_from_slice(&self.base.to_le_bytes());
        self.out.extend_from_slice(&self.max_timestamp.to_le_bytes());
        self.out.append(&mut self.table);
        self.out.append(&mut self.data);
        let crc = crc32fast::hash(&self.out[at + 8..]);
        self.out[at + 4..at + 8].copy_from_slice(&crc.to_le_bytes());
        self.base += count as i64;
        self.max_timestamp = i64::MIN;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_and_a_flipped_bit_is_seen() {
        let mut blocks = Blocks::starting_at(40);
        blocks.push(
            &Record { key: Some(b"k"), value: Some("值".as_bytes()), timestamp: Some(7), ..Record::default() },
            99,
        );
        blocks.push(&Record { value: None, headers: Some(b"hh"), ..Record::default() }, 99);
        let bytes = blocks.finish();
        let h = BlockHeader::parse(&bytes).unwrap();
        assert_eq!((h.len, h.count, h.base, h.max_timestamp, h.end()), (bytes.len(), 2, 40, 99, 42));
        assert!(h.intact(&bytes));
        let mut out = Vec::new();
        records(&bytes, 0, &h, 0, 10, &mut out).unwrap();
        let at = |r: Option<ByteRange>| r.map(|r| &bytes[r.start as usize..r.end as usize]);
        assert_eq!(
            (at(out[0].key), at(out[0].value), at(out[0].headers)),
            (Some(&b"k"[..]), Some("值".as_bytes()), None)
        );
        assert_eq!((out[0].offset, out[0].timestamp), (40, 7));
        assert_eq!((at(out[1].key), at(out[1].value), at(out[1].headers)), (None, None, Some(&b"hh"[..])));
        out.clear();
        records(&bytes, 0, &h, 1, 1, &mut out).unwrap();
        assert_eq!((out.len(), out[0].offset), (1, 41));
        for i in 4..bytes.len() {
            let mut broken = bytes.clone();
            broken[i] ^= 4;
            assert!(!BlockHeader::parse(&broken).is_some_and(|h| h.intact(&broken)), "byte {i}");
        }
    }

    #[test]
    fn many_records_make_many_blocks() {
        let mut blocks = Blocks::starting_at(0);
        let value = [b'x'; 200];
        for _ in 0..1000 {
            blocks.push(&Record { value: Some(&value), ..Record::default() }, 1);
        }
        let bytes = blocks.finish();
        let (mut at, mut next) = (0, 0);
        while at < bytes.len() {
            let h = BlockHeader::parse(&bytes[at..]).unwrap();
            assert_eq!(h.base, next);
            assert!(h.intact(&bytes[at..at + h.len]));
            (at, next) = (at + h.len, h.end());
        }
        assert_eq!(next, 1000);
    }
}
