//! Elasticsearch tables of the three dialects.
//!
//! | dialect | names | is |
//! |---|---|---|
//! | flink | `elasticsearch-6`, `elasticsearch-7`, `elasticsearch-8` | [`descriptor::Flink`] |
//! | blink | `elasticsearch` | [`descriptor::Blink`] |
//! | uflink | `elasticsearch`, `elasticsearch5`, `elasticsearch6`, `elasticsearch7` | [`descriptor::UFlink`] |
//!
//! There is no client in this build; `--embedded` runs their tables on the local connector.

pub mod descriptor;

use std::sync::Arc;

use tidegate_core::registry::Connector;

/// All Elasticsearch connectors, for the registry.
pub fn connectors() -> Vec<Arc<dyn Connector>> {
    vec![
        Arc::new(descriptor::Flink::SIX),
        Arc::new(descriptor::Flink::LATER),
        Arc::new(descriptor::Blink),
        Arc::new(descriptor::UFlink),
    ]
}
