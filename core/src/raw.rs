//! Undecoded messages as a message source delivers them.

use std::sync::Arc;

use bytes::Bytes;

use crate::split::Position;

/// A byte range in [`RawBatch::data`]; `None` in place of a range is a NULL key or value (a tombstone).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// One message. All ranges point into [`RawBatch::data`].
#[derive(Debug, Clone, Copy)]
pub struct RawRecord {
    /// The key, if any.
    pub key: Option<ByteRange>,
    /// The value; `None` is a tombstone.
    pub value: Option<ByteRange>,
    /// Headers as in [`encode_headers`], if any.
    pub headers: Option<ByteRange>,
    /// Offset in its partition.
    pub offset: i64,
    /// Milliseconds since the epoch; -1 where unknown.
    pub timestamp: i64,
    /// What a broker says besides.
    pub broker: BrokerFacts,
}

/// What only a broker knows of a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BrokerFacts {
    /// The timestamp is the broker's own (LogAppendTime), not the producer's.
    pub log_append_time: bool,
    /// The epoch of the partition's leader that wrote it.
    pub leader_epoch: Option<i32>,
}

/// Messages of one partition, in offset order, in one shared buffer of less than 4 GiB.
#[derive(Debug, Clone)]
pub struct RawBatch {
    /// The topic (or file).
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The bytes of all keys, values and headers.
    pub data: Bytes,
    /// The messages.
    pub records: Vec<RawRecord>,
    /// Where reading goes on after this batch.
    pub next: Position,
    /// How many more messages are known to be there after this batch; `None` where unknown.
    pub behind: Option<u64>,
}

impl RawBatch {
    /// The bytes of a range.
    pub fn bytes(&self, range: ByteRange) -> &[u8] {
        &self.data[range.start as usize..range.end as usize]
    }
    /// The value of record `i`, `None` for a tombstone.
    pub fn value(&self, i: usize) -> Option<&[u8]> {
        self.records[i].value.map(|r| self.bytes(r))
    }
    /// The key of record `i`.
    pub fn key(&self, i: usize) -> Option<&[u8]> {
        self.records[i].key.map(|r| self.bytes(r))
    }
    /// The headers of record `i`, decoded.
    pub fn headers(&self, i: usize) -> Vec<(String, Option<Vec<u8>>)> {
        self.records[i].headers.map(|r| decode_headers(self.bytes(r))).unwrap_or_default()
    }
}

/// Headers in one byte string: for each `u32 name length, name, i32 value length (-1 = NULL), value`,
/// little endian.
pub fn encode_headers(headers: &[(String, Option<Vec<u8>>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in headers {
        out.extend_from_slice(&(name.len() as u32).to_le_bytes());
        out.extend_from_slice(name.as_bytes());
        match value {
            None => out.extend_from_slice(&(-1i32).to_le_bytes()),
            Some(v) => {
                out.extend_from_slice(&(v.len() as i32).to_le_bytes());
                out.extend_from_slice(v);
            }
        }
    }
    out
}

/// The inverse of [`encode_headers`]; stops quietly at a malformed tail.
pub fn decode_headers(mut b: &[u8]) -> Vec<(String, Option<Vec<u8>>)> {
    fn cut<'a>(b: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
        if n > b.len() {
            return None;
        }
        let (head, tail) = b.split_at(n);
        *b = tail;
        Some(head)
    }
    fn int(b: &mut &[u8]) -> Option<i32> {
        cut(b, 4).and_then(|x| x.try_into().ok()).map(i32::from_le_bytes)
    }
    fn one(b: &mut &[u8]) -> Option<(String, Option<Vec<u8>>)> {
        let n = usize::try_from(int(b)?).ok()?;
        let name = String::from_utf8_lossy(cut(b, n)?).into_owned();
        let value = match int(b)? {
            -1 => None,
            n => Some(cut(b, usize::try_from(n).ok()?)?.to_vec()),
        };
        Some((name, value))
    }
    let mut out = Vec::new();
    while let Some(h) = one(&mut b) {
        out.push(h);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_round_trip() {
        let h = vec![("a".to_owned(), Some(b"1".to_vec())), (String::new(), None)];
        assert_eq!(decode_headers(&encode_headers(&h)), h);
        assert_eq!(decode_headers(&encode_headers(&h)[..6]), vec![]);
    }
}
