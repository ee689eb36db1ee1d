//! Flink's `hbase-2.2` and its neighbours: families are ROW columns, the one other column is the
//! row key.

use std::sync::LazyLock;

use serde::Deserialize;
use tidegate_core::lookup_options::{self, with_lookup};
use tidegate_core::options::{CheckedOptions, OptionKind, OptionSpec};
use tidegate_core::registry::{Connector, Descriptor};
use tidegate_core::table::{Resource, SinkChanges, TableBinding, TableSpec};
use tidegate_core::{Column, Dialect, Error, Result, SqlType};

use OptionKind::{Boolean, Duration, Integer, Size, Text};

/// Tables of families.
pub struct Flink;

const fn opt(name: &'static str, kind: OptionKind, doc: &'static str) -> OptionSpec {
    OptionSpec::new(name, kind, doc)
}

const OWN: &[OptionSpec] = &[
    opt("table-name", Text, "The table: 'namespace:table'.").required(),
    opt("zookeeper.quorum", Text, "ZooKeeper: 'host:2181,host:2181'.").required(),
    opt("zookeeper.znode.parent", Text, "HBase's node in ZooKeeper.").default("/hbase"),
    opt("null-string-literal", Text, "What stands for a NULL text.").default("null"),
    opt("sink.buffer-flush.max-size", Size, "Accepted; an epoch is written in batches.").default("2mb"),
    opt("sink.buffer-flush.max-rows", Integer, "Rows written at once.").default("1000"),
    opt("sink.buffer-flush.interval", Duration, "Accepted; the epoch is the interval.").default("1 s"),
    opt("sink.ignore-null-value", Boolean, "A NULL leaves an existing cell as it is.").default("false"),
    opt("sink.parallelism", Integer, "Most tasks that write."),
    opt("properties.*", Text, "Properties of the HBase client."),
];

/// The options as a client needs them.
#[derive(Debug, Clone, Deserialize)]
pub struct FlinkOptions {
    /// The table.
    #[serde(rename = "table-name")]
    pub table_name: String,
    /// ZooKeeper.
    #[serde(rename = "zookeeper.quorum")]
    pub quorum: String,
    /// HBase's node in ZooKeeper.
    #[serde(rename = "zookeeper.znode.parent", default = "parent")]
    pub parent: String,
    /// What stands for a NULL text.
    #[serde(rename = "null-string-literal", default = "null")]
    pub null_literal: String,
    #[serde(rename = "sink.ignore-null-value", default)]
    ignore_null: bool,
    #[serde(rename = "sink.parallelism", default)]
    parallelism: Option<u32>,
}

fn parent() -> String {
    "/hbase".to_owned()
}

fn null() -> String {
    "null".to_owned()
}

impl Connector for Flink {
    fn descriptor(&self) -> &Descriptor {
        static IT: LazyLock<Descriptor> = LazyLock::new(|| Descriptor {
            names: &["hbase-2.2", "hbase-1.4", "hbase-2.6"],
            dialect: Dialect::Flink,
            options: with_lookup(OWN, lookup_options::FLINK),
            source: true,
            sink: true,
            lookup: true,
        });
        &IT
    }

    /// The row key is the primary key whether it was declared or not.
    fn declare(&self, mut table: TableSpec) -> Result<TableSpec> {
        let key = row_key(&table)?.name.clone();
        if let Some(other) = table.primary_key.iter().find(|k| **k != key) {
            return Err(Error::user(format!("PRIMARY KEY names '{other}', but the row key is '{key}'"))
                .help(format!("write PRIMARY KEY ({key}) NOT ENFORCED")));
        }
        for column in table.columns.iter_mut().filter(|c| c.column.name == key) {
            column.column.data_type.nullable = false;
        }
        table.primary_key = vec![key];
        Ok(table)
    }

    fn bind(&self, _: &TableSpec, options: &CheckedOptions) -> Result<TableBinding> {
        let typed: FlinkOptions = options.typed()?;
        let mut binding = TableBinding::new(Resource::Table { name: typed.table_name });
        binding.sink = SinkChanges::Upsert;
        binding.null_keeps = typed.ignore_null;
        binding.lookup = lookup_options::flink(options)?;
        binding.parallelism = typed.parallelism;
        Ok(binding)
    }
}

/// The one physical column that is not a family.
fn row_key(table: &TableSpec) -> Result<&Column> {
    let mut atomic = table.physical().filter(|c| !matches!(c.data_type.ty, SqlType::Row(_)));
    match (atomic.next(), atomic.next()) {
        (Some(key), None) => Ok(key),
        (None, _) => Err(Error::user("an HBase table needs a row key")
            .help("declare one column that is not a ROW: rowkey STRING; families are ROW<…> columns")),
        (Some(a), Some(b)) => Err(Error::user(format!("'{}' and '{}' cannot both be the row key", a.name, b.name))
            .help("one column is the row key, all others are families: cf ROW<q1 STRING, q2 BIGINT>")),
    }
}
