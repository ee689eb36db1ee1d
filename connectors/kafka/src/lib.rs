//! Kafka tables of the three dialects.
//!
//! | dialect | names | is |
//! |---|---|---|
//! | flink | `kafka` | [`descriptor::Flink`] |
//! | flink | `upsert-kafka` | [`descriptor::Upsert`] |
//! | blink | `kafka`, `kafka08`, `kafka09`, `kafka010`, `kafka011` | [`descriptor::Blink`] |
//! | uflink | `kafka`, `kafka09`, `kafka10`, `kafka11` | [`descriptor::UFlink`] |
//!
//! They differ in options, columns and habits, and share one meaning: a partitioned log of keys and
//! values in a format. `--embedded` runs their tables on logs of the local connector instead.
//!
//! Without the feature `client` there are only the descriptors: they check every option and property.
//!
//! | with `client` | |
//! |---|---|
//! | `client/` | configuration, asking a cluster, what librdkafka says on the side |
//! | `source/` | a split a partition; nothing is ever reset |
//! | `sink/` | rows and fence in one transaction |
//! | `direct/` | fetching without librdkafka, where that can be done |
//! | `native/` | the calls that the rdkafka crate does not wrap; the only unsafe code |

#[cfg(feature = "client")]
mod client;
#[cfg(feature = "client")]
mod connector;
pub mod descriptor;
#[cfg(feature = "client")]
mod direct;
#[cfg(feature = "client")]
mod error;
#[cfg(feature = "client")]
mod fetched;
#[cfg(feature = "client")]
mod native;
#[cfg(feature = "client")]
mod open;
pub mod properties;
#[cfg(feature = "client")]
mod sink;
#[cfg(feature = "client")]
mod source;
#[cfg(feature = "client")]
pub use open::{Cluster, Message, Writer};

use std::sync::Arc;

use tidegate_core::registry::Connector;

/// All Kafka connectors, for the registry.
pub fn connectors() -> Vec<Arc<dyn Connector>> {
    vec![
        connector(descriptor::Flink),
        connector(descriptor::Upsert),
        connector(descriptor::Blink),
        connector(descriptor::UFlink),
    ]
}

#[cfg(feature = "client")]
fn connector(descriptor: impl Connector + 'static) -> Arc<dyn Connector> {
    Arc::new(connector::Opening(descriptor))
}

#[cfg(not(feature = "client"))]
fn connector(descriptor: impl Connector + 'static) -> Arc<dyn Connector> {
    Arc::new(descriptor)
}
