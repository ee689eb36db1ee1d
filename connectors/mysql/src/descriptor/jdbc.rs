//! Flink's `jdbc`, for MySQL.

use std::sync::LazyLock;

use serde::Deserialize;
use tidegate_core::lookup_options::{self, with_lookup};
use tidegate_core::options::{CheckedOptions, OptionKind, OptionSpec, Secret};
use tidegate_core::registry::{Connector, Descriptor};
use tidegate_core::table::{Resource, SinkChanges, TableBinding, TableSpec};
use tidegate_core::{Dialect, Result};

use OptionKind::{Boolean, Duration, Ignored, Integer, Text};

/// Tables read, looked up and written by SQL.
pub struct Jdbc;

const fn opt(name: &'static str, kind: OptionKind, doc: &'static str) -> OptionSpec {
    OptionSpec::new(name, kind, doc)
}

const OWN: &[OptionSpec] = &[
    opt("url", Text, "jdbc:mysql://host:3306/database").required(),
    opt("table-name", Text, "The table.").required(),
    opt("driver", Ignored, "the driver is built in"),
    opt("username", Text, "The user."),
    opt("password", OptionKind::Secret, "The password."),
    opt("compatible-mode", Ignored, "the server's version says it"),
    opt("connection.max-retry-timeout", Duration, "How long connecting is tried.").default("60 s"),
    opt("scan.partition.column", Text, "A column that divides the table for reading."),
    opt("scan.partition.num", Integer, "Into how many parts."),
    opt("scan.partition.lower-bound", Integer, "The column's least value."),
    opt("scan.partition.upper-bound", Integer, "The column's greatest value."),
    opt("scan.fetch-size", Integer, "Rows read at once; 0: the server's choice.").default("0"),
    opt("scan.auto-commit", Boolean, "Accepted.").default("true"),
    opt("scan.parallelism", Integer, "Most tasks that read."),
    opt("filter.handling.policy", Text, "Accepted.").default("always"),
    opt("sink.buffer-flush.max-rows", Integer, "Rows written at once.").default("100"),
    opt("sink.buffer-flush.interval", Duration, "Accepted; the epoch is the interval.").default("1 s"),
    opt("sink.max-retries", Integer, "Accepted; decided rows are tried until they are written.").default("3"),
    opt("sink.parallelism", Integer, "Most tasks that write."),
    opt("properties.*", Text, "Properties of the connection."),
];

/// The options as a client needs them; durations in ms.
#[derive(Debug, Clone, Deserialize)]
pub struct JdbcOptions {
    /// `jdbc:mysql://…`
    pub url: String,
    /// The table, perhaps with its database.
    #[serde(rename = "table-name")]
    pub table_name: String,
    /// The user.
    #[serde(default)]
    pub username: Option<String>,
    /// The password.
    #[serde(default)]
    pub password: Option<Secret>,
    /// Rows written at once.
    #[serde(rename = "sink.buffer-flush.max-rows", default = "hundred")]
    pub max_rows: u32,
    /// How long connecting is tried.
    #[serde(rename = "connection.max-retry-timeout", default = "minute")]
    pub connect_timeout_ms: i64,
    #[serde(rename = "sink.parallelism", default)]
    sink_parallelism: Option<u32>,
    #[serde(rename = "scan.parallelism", default)]
    scan_parallelism: Option<u32>,
}

fn hundred() -> u32 {
    100
}

fn minute() -> i64 {
    60_000
}

impl Connector for Jdbc {
    fn descriptor(&self) -> &Descriptor {
        static IT: LazyLock<Descriptor> = LazyLock::new(|| Descriptor {
            names: &["jdbc"],
            dialect: Dialect::Flink,
            options: with_lookup(OWN, lookup_options::FLINK),
            source: true,
            sink: true,
            lookup: true,
        });
        &IT
    }

    fn bind(&self, table: &TableSpec, options: &CheckedOptions) -> Result<TableBinding> {
        let typed: JdbcOptions = options.typed()?;
        super::url::check(&typed.url)?;
        let mut binding = TableBinding::new(Resource::Table { name: typed.table_name });
        binding.sink = if table.primary_key.is_empty() { SinkChanges::AppendOnly } else { SinkChanges::Upsert };
        binding.lookup = lookup_options::flink(options)?;
        binding.parallelism = typed.sink_parallelism.or(typed.scan_parallelism);
        Ok(binding)
    }
}
