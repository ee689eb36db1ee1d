//! MySQL tables of the three dialects, and of the databases that speak its protocol.
//!
//! | dialect | names | is |
//! |---|---|---|
//! | flink | `jdbc` | [`descriptor::Jdbc`] |
//! | blink | `rds`, `drds`, `polardb` | [`descriptor::Rds`] |
//! | uflink | `mysql` | [`descriptor::MySql`] |
//! | uflink | `postgre`, `postgresql` | [`descriptor::Postgre`], refused with the reason |
//!
//! There is no client in this build; `--embedded` runs their tables on the local connector.

pub mod descriptor;

use std::sync::Arc;

use tidegate_core::registry::Connector;

/// All MySQL connectors, for the registry.
pub fn connectors() -> Vec<Arc<dyn Connector>> {
    vec![
        Arc::new(descriptor::Jdbc),
        Arc::new(descriptor::Rds),
        Arc::new(descriptor::MySql),
        Arc::new(descriptor::Postgre),
    ]
}
