//! Scripts of all dialects from text to catalogue, with the connectors' real descriptors.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod fuzz;
mod jobs;
mod mistakes;
mod options;
mod project;

use std::collections::BTreeMap;

use tidegate_core::Result;
use tidegate_core::registry::Registry;
use tidegate_sql::ast::Script;
use tidegate_sql::catalog::Catalog;
use tidegate_sql::dialect::{Inferred, infer};
use tidegate_sql::parse::parse;
use tidegate_sql::settings::Settings;

/// The connectors of other crates.
pub fn registry() -> Registry {
    Registry::new()
        .with(tidegate_kafka::connectors())
        .with(tidegate_mysql::connectors())
        .with(tidegate_hbase::connectors())
        .with(tidegate_elasticsearch::connectors())
        .with(tidegate_local::connectors())
}

/// A script with all its declarations made.
pub struct Declared {
    pub script: Script,
    pub inferred: Inferred,
    pub settings: Settings,
    pub catalog: Catalog,
}

/// Everything up to the binder.
pub fn declare(text: &str) -> Result<Declared> {
    let script = parse(text, &BTreeMap::new())?;
    let registry = registry();
    let inferred = infer(&script, &registry)?;
    let settings = Settings::of(&script, &inferred, &[])?;
    let mut catalog = Catalog::new(inferred.dialect, registry);
    for s in &script.statements {
        catalog.apply(&s.kind)?;
    }
    Ok(Declared { script, inferred, settings, catalog })
}
