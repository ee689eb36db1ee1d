//! Splits of a source, positions in them, and where to start and stop.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An independently readable part of a source: a partition, a file, a table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Split {
    /// Unique and stable within the source: `topic-3`. Persisted as the key of its position.
    pub id: String,
    /// The topic, file or table it belongs to.
    pub topic: String,
    /// The partition number; 0 where there are none.
    pub partition: i32,
    /// An identity that changes when the thing behind the name is deleted and made again
    /// (Kafka topic id, log id). A changed identity under a persisted position is `Lost`.
    pub identity: String,
}

/// Where in a split reading goes on. Opaque to everyone but the connector that made it: text that
/// the store persists and gives back unchanged. Equal positions replay equal records.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position(pub String);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a source starts when the store has no position for a split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StartMode {
    /// The oldest record that is still there.
    Earliest,
    /// After the newest record.
    Latest,
    /// The first record whose timestamp (ms) is at or after this one.
    Timestamp(i64),
    /// What the consumer group has committed; where it has nothing, the fallback.
    GroupOffsets(GroupFallback),
    /// Given offsets by partition; partitions not listed start at the earliest record.
    Offsets(Vec<(i32, i64)>),
}

/// Where group offsets start when the group has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupFallback {
    /// At the oldest record.
    Earliest,
    /// After the newest record.
    Latest,
    /// An error.
    Fail,
}

/// Where a bounded read ends; resolved once, at the start, into an exclusive position a split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Bound {
    /// What is there when the job starts.
    Latest,
    /// The first record whose timestamp (ms) is at or after this one.
    Timestamp(i64),
    /// Given offsets by partition, exclusive.
    Offsets(Vec<(i32, i64)>),
    /// What the consumer group has committed.
    GroupOffsets,
}
