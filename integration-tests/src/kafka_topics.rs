//! Independent access to Kafka: librdkafka by the plain `rdkafka` crate, none of the code under test.

mod admin;
mod read;
mod record;
mod write;

pub use admin::{add_partitions, create, create_with, delete, delete_records, exists, partitions};
pub use read::{Message, end_offsets, group_metadata, group_offsets, read_committed, read_uncommitted, stable_offsets};
pub use record::{Bytes, Record};
pub use write::{
    DanglingTransaction, dangling_transaction, produce, produce_transaction, send, transactional_producer,
};

use std::time::Duration;

use rdkafka::ClientConfig;

/// How long anything may take that a healthy broker does in seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// A client of a plain listener.
fn client(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    // A broker that has just come back is looked for at once.
    config.set("reconnect.backoff.ms", "20").set("reconnect.backoff.max.ms", "500");
    config
}
