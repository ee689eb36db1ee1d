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
//! values in a format. There is no client in this build; `--embedded` runs their tables on logs of
//! the local connector.

pub mod descriptor;

use std::sync::Arc;

use tidegate_core::registry::Connector;

/// All Kafka connectors, for the registry.
pub fn connectors() -> Vec<Arc<dyn Connector>> {
    vec![
        Arc::new(descriptor::Flink),
        Arc::new(descriptor::Upsert),
        Arc::new(descriptor::Blink),
        Arc::new(descriptor::UFlink),
    ]
}
