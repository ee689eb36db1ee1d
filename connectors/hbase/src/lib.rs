//! HBase tables of the three dialects.
//!
//! | dialect | names | is |
//! |---|---|---|
//! | flink | `hbase-1.4`, `hbase-2.2`, `hbase-2.6` | [`descriptor::Flink`] |
//! | blink | `cloudhbase`, `alihbase` | [`descriptor::CloudHBase`] |
//! | uflink | `hbase` | [`descriptor::UFlink`] |
//!
//! They share one meaning: a table whose row key is the primary key, always written by key. There is
//! no client in this build; `--embedded` runs their tables on the local connector.

pub mod descriptor;

use std::sync::Arc;

use tidegate_core::registry::Connector;

/// All HBase connectors, for the registry.
pub fn connectors() -> Vec<Arc<dyn Connector>> {
    vec![Arc::new(descriptor::Flink), Arc::new(descriptor::CloudHBase), Arc::new(descriptor::UFlink)]
}
