//! Flink's `upsert-kafka`: the newest value of each key; a NULL value deletes.

use std::sync::LazyLock;

use async_trait::async_trait;
use serde::Deserialize;
use tidegate_core::format_options::{self, with_formats};
use tidegate_core::options::{CheckedOptions, OptionKind, OptionSpec};
use tidegate_core::registry::{Connector, Descriptor};
use tidegate_core::split::{Bound, StartMode};
use tidegate_core::table::{Format, Resource, SinkChanges, SourceChanges, TableBinding, TableSpec};
use tidegate_core::{Dialect, Error, Result};

use super::fence::{self, FENCE};
use super::fetch::FETCH;
use super::flink::{
    GROUP, GUARANTEE, PROPERTIES, SCAN_PARALLELISM, SERVERS, SINK_PARALLELISM, TRANSACTION_PREFIX, apply,
    is_exactly_once,
};
use super::{metadata, offsets};
use crate::properties;

/// Log tables with a primary key.
pub struct Upsert;

const fn opt(name: &'static str, kind: OptionKind, doc: &'static str) -> OptionSpec {
    OptionSpec::new(name, kind, doc)
}

const OWN: &[OptionSpec] = &[
    opt("topic", OptionKind::Text, "The topic.").required(),
    SERVERS,
    GROUP,
    PROPERTIES,
    opt("scan.bounded.mode", OptionKind::OneOf(&["unbounded", "latest-offset"]), "Where reading ends.")
        .default("unbounded"),
    SCAN_PARALLELISM,
    SINK_PARALLELISM,
    opt("sink.buffer-flush.max-rows", OptionKind::Integer, "Accepted; rows of one key are folded within an epoch.")
        .default("0"),
    opt("sink.buffer-flush.interval", OptionKind::Duration, "Accepted; the epoch is the interval.").default("0"),
    GUARANTEE,
    TRANSACTION_PREFIX,
    FENCE,
    FETCH,
];

#[derive(Debug, Deserialize)]
struct Options {
    topic: String,
    #[serde(rename = "scan.bounded.mode", default)]
    end: Option<String>,
    #[serde(rename = "sink.parallelism", default)]
    sink_parallelism: Option<u32>,
    #[serde(rename = "scan.parallelism", default)]
    scan_parallelism: Option<u32>,
}

#[async_trait]
impl Connector for Upsert {
    fn descriptor(&self) -> &Descriptor {
        static IT: LazyLock<Descriptor> = LazyLock::new(|| Descriptor {
            names: &["upsert-kafka"],
            dialect: Dialect::Flink,
            options: with_formats(OWN),
            source: true,
            sink: true,
            lookup: false,
        });
        &IT
    }

    fn declare(&self, table: TableSpec) -> Result<TableSpec> {
        metadata::declare(table)
    }

    fn bind(&self, table: &TableSpec, options: &CheckedOptions) -> Result<TableBinding> {
        let typed: Options = options.typed()?;
        let client = properties::read(table, options)?;
        if table.primary_key.is_empty() {
            return Err(Error::user("an 'upsert-kafka' table needs a PRIMARY KEY")
                .help("add PRIMARY KEY (…) NOT ENFORCED: its columns are the message key"));
        }
        if options.get("key.fields").is_some() {
            return Err(Error::user("an 'upsert-kafka' table has no 'key.fields': its key is the PRIMARY KEY"));
        }
        for name in ["key.format", "value.format"] {
            if options.get(name).is_none() {
                return Err(Error::user(format!("missing option '{name}'")).help(format!("add '{name}' = 'json'")));
            }
        }
        let mut formats = format_options::parse(table, options)?
            .ok_or_else(|| Error::user("missing option 'value.format'").help("add 'value.format' = 'json'"))?;
        formats.key_columns.clone_from(&table.primary_key);
        if let Some(bad) = table.primary_key.iter().find(|k| !k.starts_with(&formats.key_prefix)) {
            return Err(Error::user(format!("key column '{bad}' does not begin with '{}'", formats.key_prefix)));
        }
        if matches!(formats.key, Some(Format::Raw(_))) && table.primary_key.len() > 1 {
            return Err(Error::user("the raw format holds one column, but the primary key has several"));
        }
        let topics = offsets::topics(&typed.topic, ';')?;
        let mut binding = TableBinding::new(Resource::Log { topics, pattern: None });
        apply(&mut binding, formats);
        binding.start = Some(StartMode::Earliest);
        binding.bound = typed.end.filter(|e| e == "latest-offset").map(|_| Bound::Latest);
        binding.source = SourceChanges::Upsert;
        binding.sink = SinkChanges::Upsert;
        binding.exactly_once = is_exactly_once(options);
        binding.parallelism = typed.sink_parallelism.or(typed.scan_parallelism);
        binding.notes = client.notes;
        fence::apply(&mut binding, options);
        Ok(binding)
    }
}
