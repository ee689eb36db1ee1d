//! The fence of a lane: where it is kept, reading it, and writing it into a transaction.
//!
//! - [`topic`]: a record in a compacted topic of the sink. It never expires; the default.
//! - [`group`]: the offset of a private consumer group, with the fence as its metadata. For users who
//!   may not make topics. It expires when nobody writes it for `offsets.retention.minutes`.
//! - [`stored`]: what a fence looks like in either.

mod group;
mod stored;
mod topic;

use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::producer::BaseProducer;
use tidegate_core::sink::{Fence, Scope};
use tidegate_core::{Error, Result};

use super::Target;
use crate::client::Context;
use crate::native::admin::Described;
use crate::native::coordinator::Asker;

/// Where the fences of a sink are kept, as the table says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// In a topic.
    Topic,
    /// In a group, whose offsets the broker forgets after so long, where it tells.
    Group {
        /// `offsets.retention.minutes`.
        retention: Option<Duration>,
    },
}

/// The place where a lane's fence stands.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Topic(Described),
    Group(String),
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
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// What was read.
pub(super) struct Reading {
    pub(super) fence: Option<Fence>,
    /// `None`: there is none.
    pub(super) place: Option<Place>,
}

/// Why a fence could not be put into a transaction.
pub(super) struct Refused {
    pub(super) code: Code,
    pub(super) reason: String,
    /// The producer is lost.
    pub(super) fatal: bool,
}

/// Who reads a lane's fence.
pub(super) fn reader(target: &Target, scope: &Scope) -> Asker {
    let settings = target.connection.settings.clone();
    let group = matches!(target.keeping, Keeping::Group { .. }).then(|| target.names.fence(scope));
    Asker::new(move || settings.committed_reader(group.as_deref()))
}

/// The newest committed fence of a lane. Blocks.
pub(super) fn read(target: &Target, reader: &Asker, scope: &Scope, settle: Settle) -> Result<Reading> {
    match target.keeping {
        Keeping::Topic => topic::read(target, reader, scope, settle),
        Keeping::Group { .. } => group::read(target, reader, scope, settle),
    }
}

/// The place for a lane's fence, made where it is missing.
pub(super) async fn ensure(target: &Target, scope: &Scope) -> Result<Place> {
    match target.keeping {
        Keeping::Topic => topic::ensure(target, scope).await.map(Place::Topic),
        Keeping::Group { .. } => group::ensure(target, scope).map(Place::Group),
    }
}

impl Place {
    /// The topic that has to stay what it is.
    pub(super) fn topic(&self) -> Option<&Described> {
        match self {
            Place::Topic(topic) => Some(topic),
            Place::Group(_) => None,
        }
    }

    /// Whether it is still the same, and not one that was made anew.
    pub(super) fn is(&self, found: Option<&Place>) -> bool {
        match (self, found) {
            (Place::Topic(was), Some(Place::Topic(is))) => was.id == is.id,
            (Place::Group(was), Some(Place::Group(is))) => was == is,
            _ => false,
        }
    }

    /// What has to be written there; `None`: the fence is to be forgotten.
    ///
    /// # Errors
    /// None that can be provoked.
    pub(super) fn note(&self, target: &Target, scope: &Scope, fence: Option<&Fence>) -> Result<Note> {
        match self {
            Place::Topic(at) => topic::record(at, scope, fence).map(Note::Record),
            Place::Group(name) => group::offset(target, name, scope, fence).map(Note::Offset),
        }
    }
}

/// A lane's partition: that of the fence topic, or that of the output topic whose offset is used.
fn partition_of(scope: &Scope) -> Result<i32> {
    i32::try_from(scope.lane).map_err(|_| Error::internal("a lane number too large"))
}

/// A fence on its way into a transaction.
pub(super) enum Note {
    Record(topic::Record),
    Offset(group::Offset),
}

impl Note {
    /// Adds it to the open transaction. Blocks where it is an offset, no longer than `patience`.
    pub(super) fn put(&self, producer: &BaseProducer<Context>, patience: Duration) -> Result<(), Refused> {
        match self {
            Note::Record(record) => record.put(producer),
            Note::Offset(offset) => offset.put(producer, patience),
        }
    }
}
