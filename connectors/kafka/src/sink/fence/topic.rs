//! Fences as records in a compacted topic, one partition a lane, and reading the newest one of a lane.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminOptions, NewPartitions};
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::producer::{BaseProducer, BaseRecord};
use tidegate_core::sink::{Fence, Scope};
use tidegate_core::{Error, Result};

use super::{BRIEFLY, PAUSE, Place, Reading, Refused, Settle, Target, partition_of, stored};
use crate::client::{Context, Settings};
use crate::fetched::Fetched;
use crate::native::admin::{Described, OffsetAt, View};
use crate::native::coordinator::Asker;
use crate::native::fetch::Fetch;
use crate::sink::names::Names;
use crate::{client, error};

/// Compacted often, so that reading stays short and nothing ever expires.
const CONFIG: &[(&str, &str)] = &[
    ("cleanup.policy", "compact"),
    ("segment.bytes", "1048576"),
    ("min.cleanable.dirty.ratio", "0.1"),
    ("max.message.bytes", "65536"),
];
/// Records looked at first, from the end; ever more where the lane's is not among them.
const TAIL: i64 = 16;

/// A fence record to be written with the rows. No value: the fence is forgotten.
pub(in crate::sink) struct Record {
    topic: String,
    lane: i32,
    key: String,
    value: Option<String>,
}

pub(super) fn record(topic: &Described, scope: &Scope, fence: Option<&Fence>) -> Result<Record> {
    Ok(Record {
        topic: topic.name.clone(),
        lane: partition_of(scope)?,
        key: Names::fence_key(scope),
        value: fence.map(stored::encode).transpose()?,
    })
}

impl Record {
    pub(super) fn put(&self, producer: &BaseProducer<Context>) -> Result<(), Refused> {
        let mut record: BaseRecord<'_, [u8], [u8], usize> =
            BaseRecord::with_opaque_to(&self.topic, usize::MAX).partition(self.lane).key(self.key.as_bytes());
        record.payload = self.value.as_deref().map(str::as_bytes);
        producer.send(record).map_err(|(e, _)| Refused {
            code: e.rdkafka_error_code().unwrap_or(Code::Fail),
            reason: e.to_string(),
            // What is fatal comes back from the commit.
            fatal: false,
        })
    }
}

/// The newest committed fence of a lane. Blocks.
pub(super) fn read(target: &Target, reader: &Asker, scope: &Scope, settle: Settle) -> Result<Reading> {
    let name = target.names.fence(scope);
    let Some(topic) = target.connection.describe(std::slice::from_ref(&name))?.pop().flatten() else {
        return Ok(Reading { fence: None, place: None });
    };
    let (lane, partitions) = (partition_of(scope)?, topic.partitions);
    let place = Some(Place::Topic(topic));
    if scope.lane >= partitions {
        return Ok(Reading { fence: None, place });
    }
    let end = settled_end(target, &name, lane, settle)?;
    let first = target.connection.offset(&name, lane, OffsetAt::Start, View::Committed)?;
    let (client, key) = (reader.client()?, Names::fence_key(scope));
    let mut tail = TAIL;
    loop {
        let from = (end - tail).max(first);
        let newest = newest(&client, &name, lane, from, end, key.as_bytes(), target.connection.settings.patience)?;
        if let Some(value) = newest {
            let fence = value.map(|v| stored::decode(&v, &format!("topic '{name}'"))).transpose()?;
            return Ok(Reading { fence, place });
        }
        if from == first {
            return Ok(Reading { fence: None, place });
        }
        tail *= 16;
    }
}

/// The offset up to which everything is settled.
fn settled_end(target: &Target, topic: &str, lane: i32, settle: Settle) -> Result<i64> {
    let started = Instant::now();
    let limit = match settle {
        Settle::Briefly => BRIEFLY,
        Settle::Fully => target.connection.settings.patience,
    };
    loop {
        let all = target.connection.offset(topic, lane, OffsetAt::End, View::All)?;
        let committed = target.connection.offset(topic, lane, OffsetAt::End, View::Committed)?;
        if committed >= all {
            return Ok(committed);
        }
        if started.elapsed() >= limit {
            return match settle {
                Settle::Briefly => Ok(committed),
                Settle::Fully => {
                    Err(Error::external(format!("a transaction in topic '{topic}' is still being settled")))
                }
            };
        }
        std::thread::sleep(PAUSE);
    }
}

/// The value of the last record with this key among `from..end`; `Some(None)` for a tombstone.
#[allow(clippy::type_complexity, reason = "no record, a tombstone, a value")]
fn newest(
    client: &Arc<BaseConsumer<Context>>,
    topic: &str,
    lane: i32,
    from: i64,
    end: i64,
    key: &[u8],
    patience: Duration,
) -> Result<Option<Option<Vec<u8>>>> {
    if from >= end {
        return Ok(None);
    }
    let mut fetch = Fetch::start(client.clone(), topic, lane, from)?;
    let (mut found, mut next, mut failed) = (None, from, None);
    let started = Instant::now();
    while next < end && failed.is_none() {
        fetch.take(256, Duration::from_millis(50), |fetched| match fetched {
            Fetched::Record(r) => {
                if r.key == Some(key) {
                    found = Some(r.value.map(<[u8]>::to_vec));
                }
                next = r.offset + 1;
            }
            Fetched::End(offset) => next = next.max(offset),
            Fetched::Failed(code, reason) => failed = Some((code, reason)),
        });
        if started.elapsed() > patience {
            return Err(Error::external(format!("topic '{topic}' cannot be read to its end")));
        }
    }
    match failed {
        Some((code, reason)) => Err(error::of_code(code, &format!("reading topic '{topic}' ({reason})"))),
        None => Ok(found),
    }
}

/// The fence topic, made where it is missing, with a partition for this lane.
pub(super) async fn ensure(target: &Target, scope: &Scope) -> Result<Described> {
    let name = target.names.fence(scope);
    let asked = [name.clone()];
    let found = target.connection.aside(move |c| c.describe(&asked)).await?.pop().flatten();
    let wanted = scope.lane + 1;
    let topic = match found {
        Some(topic) => topic,
        None => target.connection.create(&name, Some(wanted), CONFIG).await.map_err(|e| {
            e.help(format!(
                "exactly-once writes keep how far they are in topic '{name}': let this user create it, or create it \
                 yourself with {wanted} partition(s) and cleanup.policy=compact; or keep it in a consumer group with \
                 'tidegate.fence' = 'group'; or write with 'sink.delivery-guarantee' = 'at-least-once'"
            ))
        })?,
    };
    if topic.partitions >= wanted {
        return Ok(topic);
    }
    widen(&target.connection.settings, &name, wanted).await?;
    Ok(Described { partitions: wanted, ..topic })
}

async fn widen(settings: &Settings, topic: &str, partitions: u32) -> Result<()> {
    let doing = format!("adding partitions to topic '{topic}'");
    let more = NewPartitions::new(topic, partitions as usize);
    let options = AdminOptions::new().operation_timeout(Some(settings.patience));
    let answer = client::admin_client(settings)?.create_partitions([&more], &options).await;
    match answer.map_err(|e| error::of(&e, &doing))?.into_iter().next() {
        Some(Err((_, code))) => Err(error::of_code(code, &doing)),
        Some(Ok(_)) | None => Ok(()),
    }
}
