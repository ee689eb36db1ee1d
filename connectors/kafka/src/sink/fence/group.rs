//! Fences as offsets of a private consumer group, committed in the transaction of the rows. The group is
//! the sink's, the partition the lane's number in the output topic, the offset the position, the
//! metadata the fence.
//!
//! Nobody joins the group. While a transaction that sets the offset is open, or its markers are on their
//! way, the broker says so when it is asked for stable offsets; nothing has to be read twice.
//! The topic and its offsets go together: where the topic is made anew, the fence is gone as well.

use std::time::{Duration, Instant};

use rdkafka::producer::BaseProducer;
use tidegate_core::sink::{Fence, Scope};
use tidegate_core::{Error, Result};

use super::{BRIEFLY, PAUSE, Place, Reading, Refused, Settle, Target, partition_of, stored};
use crate::client::Context;
use crate::native::coordinator::Asker;
use crate::native::groups::{self, Committed, Found};

/// Offsets cannot be deleted in a transaction: this metadata stands for a fence that was given up.
const RETIRED: &str = r#"{"version":1,"retired":true}"#;

/// An offset to be committed with the rows.
pub(in crate::sink) struct Offset {
    group: String,
    topic: String,
    partition: i32,
    committed: Committed,
}

/// The name of the group. A lane needs a partition of the output topic.
pub(super) fn ensure(target: &Target, scope: &Scope) -> Result<String> {
    let partitions = target.topic.partitions;
    if scope.lane >= partitions {
        return Err(Error::user(format!(
            "topic '{}' has {partitions} partition(s): a group can keep the fences of as many lanes, not of {}",
            target.topic.name,
            scope.lane + 1
        ))
        .help("add partitions, or keep the fences in a topic: 'tidegate.fence' = 'topic'"));
    }
    Ok(target.names.fence(scope))
}

pub(super) fn read(target: &Target, reader: &Asker, scope: &Scope, settle: Settle) -> Result<Reading> {
    let group = target.names.fence(scope);
    let Some(committed) = committed(target, reader, &group, scope, settle)? else {
        return Ok(Reading { fence: None, place: None });
    };
    let fence = decode(&committed, &group)?;
    Ok(Reading { fence, place: Some(Place::Group(group)) })
}

fn committed(target: &Target, reader: &Asker, group: &str, scope: &Scope, settle: Settle) -> Result<Option<Committed>> {
    let (topic, partition, patience) = (&target.topic.name, partition_of(scope)?, target.connection.settings.patience);
    let at = (topic.as_str(), partition);
    let limit = match settle {
        Settle::Briefly => BRIEFLY,
        Settle::Fully => patience,
    };
    let started = Instant::now();
    loop {
        match groups::stable(reader, group, at, patience)? {
            Found::Offset(committed) => return Ok(Some(committed)),
            Found::Nothing => return Ok(None),
            Found::Pending if started.elapsed() < limit => std::thread::sleep(PAUSE),
            Found::Pending if settle == Settle::Briefly => return groups::unstable(reader, group, at, patience),
            Found::Pending => {
                return Err(Error::external(format!("a transaction with group '{group}' is still being settled")));
            }
        }
    }
}

fn decode(committed: &Committed, group: &str) -> Result<Option<Fence>> {
    if committed.metadata == RETIRED.as_bytes() {
        return Ok(None);
    }
    stored::decode(&committed.metadata, &format!("group '{group}'")).map(Some)
}

pub(super) fn offset(target: &Target, group: &str, scope: &Scope, fence: Option<&Fence>) -> Result<Offset> {
    let position = fence.map_or(0, |f| i64::try_from(f.position).unwrap_or(i64::MAX));
    let metadata = fence.map_or_else(|| Ok(RETIRED.to_owned()), stored::encode)?.into_bytes();
    Ok(Offset {
        group: group.to_owned(),
        topic: target.topic.name.clone(),
        partition: partition_of(scope)?,
        committed: Committed { offset: position, metadata },
    })
}

impl Offset {
    pub(super) fn put(&self, producer: &BaseProducer<Context>, patience: Duration) -> Result<(), Refused> {
        let at = (self.topic.as_str(), self.partition);
        groups::commit_in_transaction(producer, &self.group, at, &self.committed, patience).map_err(|e| Refused {
            code: e.code,
            reason: e.reason,
            fatal: e.fatal,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retired_fence_is_none_and_a_reset_offset_is_an_error() {
        let with = |metadata: &[u8]| decode(&Committed { offset: 0, metadata: metadata.to_vec() }, "g");
        assert!(matches!(with(RETIRED.as_bytes()), Ok(None)));
        assert!(with(b"").unwrap_err().to_string().contains("group 'g'"));
    }
}
