//! Fence records in a compacted topic, and reading the newest one of a lane.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminOptions, NewPartitions};
use rdkafka::consumer::BaseConsumer;
use serde::{Deserialize, Serialize};
use tidegate_core::sink::{Fence, Scope};
use tidegate_core::{Error, Result};

use super::Target;
use super::names::Names;
use crate::client::{Context, Settings};
use crate::native::admin::{Described, OffsetAt, View};
use crate::native::fetch::{Fetch, Fetched};
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

/// A fence record's value. Version 1.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    version: u32,
    #[serde(flatten)]
    fence: Fence,
}

pub(super) fn encode(fence: &Fence) -> Result<Vec<u8>> {
    serde_json::to_vec(&Stored { version: 1, fence: fence.clone() }).map_err(|e| Error::internal(e.to_string()))
}

fn decode(bytes: &[u8], topic: &str) -> Result<Fence> {
    match serde_json::from_slice::<Stored>(bytes) {
        Ok(Stored { version: 1, fence }) => Ok(fence),
        Ok(Stored { version, .. }) => Err(format!("a fence of version {version}")),
        Err(e) => Err(format!("no fence: {e}")),
    }
    .map_err(|what| {
        Error::user(format!("topic '{topic}' holds {what}"))
            .help("only Tidegate may write to this topic; a newer Tidegate may have")
    })
}

/// How far reading waits for open transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settle {
    /// Somebody else's may stay open: what is committed is read.
    Briefly,
    /// Nothing may be open: the lane's transactional id has been initialised.
    Fully,
}

/// How long [`Settle::Briefly`] waits: markers of a transaction that has just been committed take a
/// moment to arrive.
const BRIEFLY: Duration = Duration::from_millis(700);

/// What was read.
pub(super) struct Reading {
    pub(super) fence: Option<Fence>,
    /// The fence topic; `None`: there is none.
    pub(super) topic: Option<Described>,
}

/// The newest committed fence of a lane. Blocks.
pub(super) fn read(
    target: &Target,
    client: &Arc<BaseConsumer<Context>>,
    scope: &Scope,
    settle: Settle,
) -> Result<Reading> {
    let name = target.names.fence_topic(scope);
    let Some(topic) = target.connection.describe(std::slice::from_ref(&name))?.pop().flatten() else {
        return Ok(Reading { fence: None, topic: None });
    };
    let lane = i32::try_from(scope.lane).map_err(|_| Error::internal("a lane number too large"))?;
    if scope.lane >= topic.partitions {
        return Ok(Reading { fence: None, topic: Some(topic) });
    }
    let end = settled_end(target, &name, lane, settle)?;
    let first = target.connection.offset(&name, lane, OffsetAt::Start, View::Committed)?;
    let key = Names::fence_key(scope);
    let mut tail = TAIL;
    loop {
        let from = (end - tail).max(first);
        let newest = newest(client, &name, lane, from, end, key.as_bytes(), target.connection.settings.patience)?;
        if let Some(value) = newest {
            let fence = value.map(|v| decode(&v, &name)).transpose()?;
            return Ok(Reading { fence, topic: Some(topic) });
        }
        if from == first {
            return Ok(Reading { fence: None, topic: Some(topic) });
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
        std::thread::sleep(Duration::from_millis(10));
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
pub(super) async fn ensure_topic(target: &Target, scope: &Scope) -> Result<Described> {
    let name = target.names.fence_topic(scope);
    let asked = [name.clone()];
    let found = target.connection.aside(move |c| c.describe(&asked)).await?.pop().flatten();
    let wanted = scope.lane + 1;
    let topic = match found {
        Some(topic) => topic,
        None => target.connection.create(&name, Some(wanted), CONFIG).await.map_err(|e| {
            e.help(format!(
                "exactly-once writes keep how far they are in topic '{name}': let this user create it, or create it \
                 yourself with {wanted} partition(s) and cleanup.policy=compact; or write with \
                 'sink.delivery-guarantee' = 'at-least-once'"
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

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_core::sink::Id;

    /// Persisted bytes: a change of them has to read the old ones.
    #[test]
    fn records_are_pinned() {
        let fence = Fence { run: Id("r".into()), incarnation: Id("i".into()), position: 7, epoch: 3, digest: u64::MAX };
        let bytes = encode(&fence).unwrap();
        let text = r#"{"version":1,"run":"r","incarnation":"i","position":7,"epoch":3,"digest":18446744073709551615}"#;
        assert_eq!(String::from_utf8(bytes.clone()).unwrap(), text);
        assert_eq!(decode(&bytes, "t").unwrap(), fence);
        assert!(decode(b"{\"version\":2}", "t").is_err());
    }
}
