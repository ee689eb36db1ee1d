//! Reading one partition.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode as Code;
use tidegate_core::raw::RawBatch;
use tidegate_core::source::{BatchLimits, Read, SplitReader};
use tidegate_core::split::{Position, Split};
use tidegate_core::{Error, Result, Retry};

use super::fetch::{Fetch, Fetcher, Place};
use super::filling::Filling;
use super::watch::Watch;
use super::{at, lost};
use crate::error;

/// Records asked for at once; the limit in bytes is looked at in between.
const TAKE: usize = 512;

/// What the readers of a source share.
pub(super) struct Shared {
    pub fetcher: Fetcher,
    pub watch: Arc<Watch>,
    /// Whether anybody reads the headers: they are parsed for each record anew.
    pub headers: bool,
}

/// Reads a partition from an offset on.
pub(super) struct PartitionReader {
    shared: Shared,
    place: Place,
    next: i64,
    end: Option<i64>,
    /// Started with the first read: another reader of this partition may still be open before.
    fetch: Option<Fetch>,
    /// Records of the batch before: how many to make room for.
    records: usize,
    /// Taken at this moment, and not handed on until it is known that the topic was still the same.
    held: Option<(Filling, Instant)>,
    /// An outage has been told of, and nothing has come since.
    outage: bool,
}

impl PartitionReader {
    pub(super) fn new(shared: Shared, split: &Split, offset: i64, end: Option<i64>) -> Self {
        PartitionReader {
            shared,
            place: Place::of(split),
            next: offset,
            end,
            fetch: None,
            records: 0,
            held: None,
            outage: false,
        }
    }

    fn at_end(&self) -> bool {
        self.end.is_some_and(|end| self.next >= end)
    }

    /// Takes what has been fetched, up to the limits.
    fn fill(&mut self, limits: &BatchLimits) -> Result<Filling> {
        let buffers = self.shared.fetcher.buffers.clone();
        let records = self.records + self.records / 8;
        let mut filling = Filling::new(buffers, records, self.next, self.end, self.shared.headers);
        let fetch = match &mut self.fetch {
            Some(fetch) => fetch,
            none => none.insert(self.shared.fetcher.start(&self.place, self.next)?),
        };
        let mut wait = limits.wait;
        while filling.records.len() < limits.rows && filling.bytes() < limits.bytes && !filling.is_over() {
            let room = (limits.rows - filling.records.len()).min(TAKE);
            let taken = fetch.take(room, wait, &mut filling);
            if taken < room {
                break;
            }
            wait = Duration::ZERO;
        }
        if self.shared.fetcher.leave_to_client(&self.place, fetch) {
            self.fetch = None;
        }
        self.records = filling.records.len();
        Ok(filling)
    }

    /// Said once an outage; who fetches goes on trying.
    fn outage(&mut self) -> Option<Error> {
        let told = self.shared.fetcher.client.context().told();
        let what = match self.fetch.as_mut().and_then(Fetch::take_outage) {
            Some(why) => format!("{} does not go on at the moment: {why}", self.doing()),
            None if told.take_outage() => format!("no broker can be reached{}", told.hint()),
            None => return None,
        };
        let error = Error::external(what).retry(Retry::After(Duration::from_millis(100)));
        (!std::mem::replace(&mut self.outage, true)).then_some(error)
    }

    fn doing(&self) -> String {
        let Place { topic, partition, .. } = &self.place;
        format!("reading topic '{topic}' partition {partition} offset {}", self.next)
    }

    fn failed(&self, code: Code, reason: &str) -> Error {
        self.shared.watch.look();
        if let Some(gone) = self.shared.watch.gone(&self.place.topic) {
            return gone;
        }
        let Place { topic, partition, .. } = &self.place;
        let doing = self.doing();
        let said = if reason.is_empty() { doing } else { format!("{doing} ({reason})") };
        match code {
            Code::AutoOffsetReset | Code::OffsetOutOfRange => {
                match self.shared.watch.lost(topic, *partition, self.next) {
                    Ok(Some(gone)) => lost(topic, &format!("partition {partition}: {}", gone.what)),
                    // There after all, or nobody can tell at the moment.
                    Ok(None) => Error::external(said),
                    Err(e) => e.context(said),
                }
            }
            Code::LogTruncation => lost(topic, &format!("partition {partition}: {reason}")),
            code => error::of_code(code, &said),
        }
    }
}

impl SplitReader for PartitionReader {
    fn read(&mut self, limits: &BatchLimits) -> Result<Read> {
        if self.at_end() {
            self.fetch = None;
            return Ok(Read::End);
        }
        // Errors of the connection are told on the client's own queue.
        let _ = self.shared.fetcher.client.poll(Duration::ZERO);
        let (filling, taken) = match self.held.take() {
            Some(held) => held,
            None => (self.fill(limits)?, Instant::now()),
        };
        if !filling.records.is_empty() && !self.shared.watch.knows_of(taken) {
            self.held = Some((filling, taken));
            return Ok(Read::Nothing);
        }
        // What has become known while these were taken.
        if let Some(gone) = self.shared.watch.gone(&self.place.topic) {
            return Err(gone);
        }
        if filling.records.is_empty() {
            self.next = filling.next;
            return match filling.failed {
                Some((code, reason)) => {
                    self.fetch = None;
                    Err(self.failed(code, &reason))
                }
                None if self.at_end() => {
                    self.fetch = None;
                    Ok(Read::End)
                }
                None => self.outage().map_or(Ok(Read::Nothing), Err),
            };
        }
        self.outage = false;
        self.next = filling.next;
        if filling.failed.is_some() {
            // Heard again when the next read starts anew.
            self.fetch = None;
        }
        let (data, records) = filling.finish();
        let behind = self.fetch.as_ref().and_then(Fetch::known_end).map(|end| (end - self.next).max(0) as u64);
        Ok(Read::Messages(RawBatch {
            topic: self.place.topic.clone(),
            partition: self.place.partition,
            data,
            records,
            next: self.position(),
            behind,
        }))
    }

    fn position(&self) -> Position {
        at(self.next)
    }
}
