//! The only place that knows all connectors.

use tidegate_core::registry::Registry;

/// Every connector of this build.
pub fn all() -> Registry {
    Registry::new()
        .with(tidegate_kafka::connectors())
        .with(tidegate_mysql::connectors())
        .with(tidegate_hbase::connectors())
        .with(tidegate_elasticsearch::connectors())
        .with(tidegate_local::connectors())
}
