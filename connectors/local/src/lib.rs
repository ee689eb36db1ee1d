//! The embedded default: everything a job needs on one machine, without a server.
//!
//! - [`log`]: a partitioned append log on disk that stands in for Kafka topics.
//! - [`table`]: tables in SQLite files that stand in for MySQL, HBase and Elasticsearch.
//! - [`embedded::Embedded`]: opens any connector's table as one of the two, by kind.
//! - [`own`]: connectors that are local by nature: `datagen`, `filesystem`, `print`, `blackhole`.
//!
//! ```text
//! DIR/logs/<topic>/      topic.json, commits-<n>, <partition>-<first offset>.seg
//! DIR/tables/<name>.db   one SQLite file a table, fence included
//! DIR/groups/<group>/    what a consumer group has applied, one file a topic
//! ```

mod declarations;
pub mod embedded;
mod files;
mod journal;
pub mod log;
pub mod own;
pub mod table;
mod text;

pub use embedded::Embedded;
pub use own::connectors;
