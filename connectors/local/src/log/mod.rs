//! A partitioned append log on disk: what a Kafka topic is to a cluster, a [`Log`] is to a directory.
//!
//! ```text
//! logs/<topic>/topic.json          identity, number of partitions
//! logs/<topic>/writer.lock         held while someone appends
//! logs/<topic>/commits-<n>         checksummed commit records: the last valid one is the truth
//! logs/<topic>/<p>-<offset>.seg    blocks of records of partition p from that offset on
//! ```
//! A commit record names, per partition, the segment and the size up to which its bytes count, and
//! the fence of every sink lane that writes here. Appending is: data, fsync, commit record, fsync;
//! so rows and fence become visible in one step, and bytes beyond the last commit were never
//! written. Several sinks, threads and processes may append in turn (the lock is held for one
//! append) and any number may read at any time.
//!
//! A topic that is deleted and made again has a new identity; positions of the old one are refused,
//! never reset.

mod append;
mod block;
mod groups;
mod make;
mod reader;
mod seek;
mod sink;
mod source;
mod tail;
mod topic;

#[cfg(test)]
mod tests;

pub use append::Record;
pub use groups::Groups;
pub use reader::LogReader;
pub use sink::LogSink;
pub use source::{LogSource, LogTopics};
pub use tail::Tail;
pub use topic::{DEFAULT_PARTITIONS, Log, PartitionRange};
