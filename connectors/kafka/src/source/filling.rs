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
