//! Connectors that need no system outside: generated rows, files, standard output, nothing.
//!
//! They are Flink's by name and options, and known in the other dialects by `type = '…'` as well.
//! With `--embedded` or without, they run as they are.

mod blackhole;
pub mod datagen;
pub mod filesystem;
mod print;

use std::sync::Arc;

use tidegate_core::dialect::Dialect;
use tidegate_core::options::{OptionKind, OptionSpec};
use tidegate_core::registry::Connector;

/// All connectors of this crate, in every dialect.
pub fn connectors() -> Vec<Arc<dyn Connector>> {
    let mut out: Vec<Arc<dyn Connector>> = Vec::new();
    for dialect in [Dialect::Flink, Dialect::Blink, Dialect::UFlink] {
        out.push(Arc::new(datagen::Datagen::new(dialect)));
        out.push(Arc::new(filesystem::Filesystem::new(dialect)));
        out.push(Arc::new(print::Print::new(dialect)));
        out.push(Arc::new(blackhole::Blackhole::new(dialect)));
    }
    out
}

/// An optional option.
const fn option(name: &'static str, kind: OptionKind, default: &'static str, doc: &'static str) -> OptionSpec {
    OptionSpec { name, aliases: &[], kind, default, required: false, doc }
}
