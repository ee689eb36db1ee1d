//! What Kafka knows about a record besides key and value.

use tidegate_core::options::nearest;
use tidegate_core::table::{ColumnKind, TableSpec};
use tidegate_core::{Error, Result};

/// Key and whether a sink can write it.
const KEYS: &[(&str, bool)] = &[
    ("topic", false),
    ("partition", false),
    ("headers", true),
    ("key", false),
    ("leader-epoch", false),
    ("offset", false),
    ("timestamp", true),
    ("timestamp-type", false),
];

/// Checks the metadata columns; those that Kafka itself sets are never written.
pub fn declare(mut table: TableSpec) -> Result<TableSpec> {
    for column in &mut table.columns {
        let ColumnKind::Metadata { key, read_only } = &mut column.kind else { continue };
        match KEYS.iter().find(|(k, _)| k == key) {
            Some((_, writable)) => *read_only |= !writable,
            None => {
                let error = Error::user(format!("Kafka has no metadata '{key}'")).at(column.span);
                return Err(match nearest(key, KEYS.iter().map(|(k, _)| *k)) {
                    Some(n) => error.help(format!("did you mean '{n}'?")),
                    None => {
                        let names: Vec<&str> = KEYS.iter().map(|(k, _)| *k).collect();
                        error.help(format!("it has {}", names.join(", ")))
                    }
                });
            }
        }
    }
    Ok(table)
}
