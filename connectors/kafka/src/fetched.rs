//! What comes out of a partition, whoever fetches it.

use bytes::Bytes;
use rdkafka::error::RDKafkaErrorCode as Code;
use tidegate_core::raw::BrokerFacts;

use crate::direct::batch;
use crate::native::fetch;

/// One thing out of a partition.
pub enum Fetched<'a> {
    /// A record.
    Record(Record<'a>),
    /// Everything before this offset has been fetched.
    End(i64),
    /// The partition cannot be fetched: the reason, and more in words.
    Failed(Code, String),
}

/// Takes what is fetched.
pub trait Taker {
    /// The records that follow lie in these bytes, where they may stay. False: not now; nothing follows.
    fn lies_in(&mut self, bytes: &Bytes) -> bool;
    /// The records that follow lie where they do not stay. False: not now; nothing follows.
    fn lies_elsewhere(&mut self) -> bool;
    /// The next thing.
    fn take(&mut self, fetched: Fetched<'_>);
}

impl<F: FnMut(Fetched<'_>)> Taker for F {
    fn lies_in(&mut self, _: &Bytes) -> bool {
        true
    }
    fn lies_elsewhere(&mut self) -> bool {
        true
    }
    fn take(&mut self, fetched: Fetched<'_>) {
        self(fetched);
    }
}

/// A record, borrowed from who fetches.
pub struct Record<'a> {
    /// Offset.
    pub offset: i64,
    /// Milliseconds since the epoch; -1 where unknown.
    pub timestamp: i64,
    /// What only the broker knows of it.
    pub broker: BrokerFacts,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers.
    pub headers: Headers<'a>,
}

/// The headers of a record, not looked at yet.
pub enum Headers<'a> {
    /// In a message of librdkafka's.
    Message(fetch::Headers<'a>),
    /// In a record as it came.
    Record(batch::Headers<'a>),
}

/// Names and values.
pub type Named = Vec<(String, Option<Vec<u8>>)>;

impl Headers<'_> {
    /// In order; empty for most records. `None` where the bytes make no sense.
    pub fn read(&self) -> Option<Named> {
        match self {
            Headers::Message(headers) => Some(headers.read()),
            Headers::Record(headers) => headers.read(),
        }
    }
}
