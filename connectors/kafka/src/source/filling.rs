//! A batch in the making: records, and the bytes that they point into.

use bytes::{Bytes, BytesMut};
use rdkafka::error::RDKafkaErrorCode as Code;
use tidegate_core::raw::{ByteRange, RawRecord, encode_headers};

use super::buffers::Buffers;
use crate::fetched::{Fetched, Record, Taker};

/// A batch in the making.
pub(super) struct Filling {
    data: Data,
    buffers: Buffers,
    pub records: Vec<RawRecord>,
    /// Everything before it is in `records`, or is not a record.
    pub next: i64,
    end: Option<i64>,
    headers: bool,
    pub failed: Option<(Code, String)>,
}

/// What the records point into.
enum Data {
    /// Nothing yet.
    Nothing,
    /// Copies, one after the other.
    Copied(BytesMut),
    /// What the records lie in, from the first of them on.
    Lent { all: Bytes, first: usize, last: usize },
}

impl Filling {
    /// From the offset `next` on, before `end`, with room for about so many records. `headers`: whether anybody
    /// reads them.
    pub(super) fn new(buffers: Buffers, records: usize, next: i64, end: Option<i64>, headers: bool) -> Filling {
        let records = Vec::with_capacity(records);
        Filling { data: Data::Nothing, buffers, records, next, end, headers, failed: None }
    }

    /// Whether nothing more belongs to it.
    pub(super) fn is_over(&self) -> bool {
        self.failed.is_some() || self.end.is_some_and(|end| self.next >= end)
    }

    /// Bytes of keys and values.
    pub(super) fn bytes(&self) -> usize {
        match &self.data {
            Data::Nothing => 0,
            Data::Copied(data) => data.len(),
            Data::Lent { first, last, .. } => last - first,
        }
    }

    /// What the records point into, and the records.
    pub(super) fn finish(self) -> (Bytes, Vec<RawRecord>) {
        let data = match self.data {
            Data::Nothing => Bytes::new(),
            Data::Copied(data) => self.buffers.lend(data),
            Data::Lent { all, first, last } => all.slice(first..last),
        };
        (data, self.records)
    }

    fn record(&mut self, record: &Record<'_>) {
        if record.offset < self.next {
            return;
        }
        if self.end.is_some_and(|end| record.offset >= end) {
            self.next = record.offset;
            return;
        }
        let key = record.key.map(|k| self.range(k));
        let value = record.value.map(|v| self.range(v));
        let headers = if self.headers { self.copy_headers(record) } else { None };
        if self.failed.is_some() {
            return;
        }
        let (offset, timestamp, broker) = (record.offset, record.timestamp, record.broker);
        self.records.push(RawRecord { key, value, headers, offset, timestamp, broker });
        self.next = record.offset + 1;
    }

    fn copy_headers(&mut self, record: &Record<'_>) -> Option<ByteRange> {
        let Some(headers) = record.headers.read() else {
            let what = format!("the headers of the record at offset {} make no sense", record.offset);
            self.failed = Some((Code::BadMessage, what));
            return None;
        };
        (!headers.is_empty()).then(|| self.range(&encode_headers(&headers)))
    }

    /// Where these bytes are found in the data.
    #[inline]
    fn range(&mut self, bytes: &[u8]) -> ByteRange {
        if matches!(self.data, Data::Nothing) {
            self.data = Data::Copied(self.buffers.take());
        }
        match &mut self.data {
            // Has just been replaced.
            Data::Nothing => ByteRange { start: 0, end: 0 },
            Data::Copied(data) => {
                let start = data.len() as u32;
                data.extend_from_slice(bytes);
                ByteRange { start, end: data.len() as u32 }
            }
            Data::Lent { all, first, last } => {
                let start = bytes.as_ptr().addr().wrapping_sub(all.as_ptr().addr());
                debug_assert!(start + bytes.len() <= all.len(), "a record that lies elsewhere");
                if *last == 0 {
                    *first = start;
                }
                *last = start + bytes.len();
                ByteRange { start: (start - *first) as u32, end: (*last - *first) as u32 }
            }
        }
    }
}

impl Taker for Filling {
    /// Copies where headers are wanted, which stand nowhere as they are handed on.
    fn lies_in(&mut self, bytes: &Bytes) -> bool {
        match &self.data {
            Data::Nothing if !self.headers => {
                self.data = Data::Lent { all: bytes.clone(), first: 0, last: 0 };
                true
            }
            Data::Nothing | Data::Copied(_) => true,
            Data::Lent { all, .. } => all.as_ptr() == bytes.as_ptr(),
        }
    }

    fn lies_elsewhere(&mut self) -> bool {
        !matches!(self.data, Data::Lent { .. })
    }

    fn take(&mut self, fetched: Fetched<'_>) {
        // Nothing after an error counts: it is fetched again.
        if self.is_over() {
            return;
        }
        match fetched {
            Fetched::Record(record) => self.record(&record),
            // Beyond the last record there may be control records, which are never delivered.
            Fetched::End(offset) => self.next = self.next.max(offset),
            Fetched::Failed(code, reason) => self.failed = Some((code, reason)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tidegate_core::raw::BrokerFacts;

    use super::*;
    use crate::direct::batch;
    use crate::fetched::Headers;

    fn filling(next: i64, end: Option<i64>, headers: bool) -> Filling {
        Filling::new(Buffers::default(), 0, next, end, headers)
    }

    /// A record with its key and value at these places.
    fn record<'a>(
        offset: i64,
        bytes: &'a [u8],
        key: std::ops::Range<usize>,
        value: std::ops::Range<usize>,
    ) -> Record<'a> {
        // One header: a = b.
        let headers = Headers::Record(batch::Headers::of(&[2, 2, b'a', 2, b'b']));
        let (key, value) = (Some(&bytes[key]), Some(&bytes[value]));
        Record { offset, timestamp: offset, broker: BrokerFacts::default(), key, value, headers }
    }

    fn texts(filling: Filling) -> Vec<(i64, String)> {
        let (data, records) = filling.finish();
        let text = |range: Option<ByteRange>| {
            let range = range.unwrap();
            String::from_utf8_lossy(&data[range.start as usize..range.end as usize]).into_owned()
        };
        records.iter().map(|r| (r.offset, format!("{}={}", text(r.key), text(r.value)))).collect()
    }

    #[test]
    fn records_stay_where_they_lie() {
        let frame = Bytes::from_static(b"..k1v1..k2v2..k3v3..");
        let mut filling = filling(5, Some(8), false);
        assert!(filling.lies_in(&frame));
        // Before what is wanted, and behind it.
        for (offset, at) in [(4, 2), (5, 8), (6, 14), (8, 2)] {
            filling.take(Fetched::Record(record(offset, &frame, at..at + 2, at + 2..at + 4)));
        }
        assert!(filling.is_over() && filling.next == 8 && filling.bytes() == 10);
        assert!(
            filling.lies_in(&frame) && !filling.lies_in(&Bytes::from_static(b"another")) && !filling.lies_elsewhere()
        );
        let (data, _) = filling.finish();
        assert_eq!((data.as_ptr(), &data[..]), (frame[8..].as_ptr(), &b"k2v2..k3v3"[..]));
        let mut filling = self::filling(0, None, false);
        assert!(filling.lies_in(&frame));
        filling.take(Fetched::Record(record(0, &frame, 8..10, 10..12)));
        filling.take(Fetched::Record(record(1, &frame, 14..16, 16..18)));
        assert_eq!(texts(filling), [(0, "k2=v2".into()), (1, "k3=v3".into())]);
    }

    #[test]
    fn what_does_not_stay_is_copied_and_so_is_what_follows() {
        let frame = Bytes::from_static(b"k1v1");
        let mut filling = filling(0, None, false);
        assert!(filling.lies_elsewhere());
        let elsewhere = b"k0v0".to_vec();
        filling.take(Fetched::Record(record(0, &elsewhere, 0..2, 2..4)));
        drop(elsewhere);
        assert!(filling.lies_in(&frame));
        filling.take(Fetched::Record(record(1, &frame, 0..2, 2..4)));
        filling.take(Fetched::End(7));
        assert_eq!(filling.next, 7);
        assert_eq!(texts(filling), [(0, "k0=v0".into()), (1, "k1=v1".into())]);
    }

    #[test]
    fn headers_are_copied_as_they_are_handed_on() {
        let frame = Bytes::from_static(b"k1v1");
        let mut filling = filling(0, None, true);
        assert!(filling.lies_in(&frame));
        filling.take(Fetched::Record(record(0, &frame, 0..2, 2..4)));
        let (data, records) = filling.finish();
        let headers = records[0].headers.unwrap();
        let said = tidegate_core::raw::decode_headers(&data[headers.start as usize..headers.end as usize]);
        assert_eq!(said, [("a".to_owned(), Some(b"b".to_vec()))]);
        assert!(data.starts_with(b"k1v1"));
    }
}
