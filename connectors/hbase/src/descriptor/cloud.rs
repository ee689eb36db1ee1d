//! Blink's `cloudhbase` (and the internal `alihbase`): the primary key is the row key, its parts
//! joined by `rowkeyDelimiter`; all other columns are cells of one family.

use std::sync::LazyLock;

use serde::Deserialize;
use tidegate_core::lookup_options::{self, with_lookup};
use tidegate_core::options::{CheckedOptions, OptionKind, OptionSpec, Secret};
use tidegate_core::registry::{Connector, Descriptor};
use tidegate_core::table::{Resource, SinkChanges, TableBinding, TableSpec};
use tidegate_core::{Dialect, Error, Result};

use OptionKind::{Boolean, Ignored, Integer, Text};

/// Tables of one family.
pub struct CloudHBase;

const fn opt(name: &'static str, kind: OptionKind, doc: &'static str) -> OptionSpec {
    OptionSpec::new(name, kind, doc)
}

const OWN: &[OptionSpec] = &[
    opt("tableName", Text, "The table: 'namespace:table'.").required(),
    opt("columnFamily", Text, "The one family.").default("cf"),
    opt("zkQuorum", Text, "ZooKeeper: 'host:2181,host:2181'.").aliases(&["zookeeperQuorum"]),
    opt("endPoint", Text, "The enhanced edition's address."),
    opt("zkNodeParent", Text, "HBase's node in ZooKeeper.").default("/hbase"),
    opt("userName", Text, "The user of the enhanced edition."),
    opt("password", OptionKind::Secret, "Its password."),
    opt("haClusterID", Text, "The id of a pair of clusters.").aliases(&["haClustserID"]),
    opt("diamondKey", Ignored, "there is no Diamond service; give zkQuorum"),
    opt("diamondGroup", Ignored, "there is no Diamond service; give zkQuorum"),
    opt("maxRetryTimes", Integer, "Tries after a failed call.").default("10"),
    opt("bufferSize", Integer, "Accepted; rows of one key are folded within an epoch.").default("5000"),
    opt("batchSize", Integer, "Rows written at once.").default("100"),
    opt("flushIntervalMs", Integer, "Accepted; the epoch is the interval.").default("2000"),
    opt("writePkValue", Boolean, "Key columns are cells too.").default("false"),
    opt("stringWriteMod", Boolean, "All values are written as text.").default("false").aliases(&["stringWriteMode"]),
    opt("rowkeyDelimiter", Text, "Between the parts of the row key.").default(":"),
    opt("isDynamicTable", Boolean, "Three columns: row key, qualifier, value.").default("false"),
    opt("timeZone", Text, "The zone of times in this table.").default("Asia/Shanghai"),
    opt("parallelism", Integer, "Most tasks."),
];

/// The options as a client needs them.
#[derive(Debug, Clone, Deserialize)]
pub struct CloudHBaseOptions {
    /// The table.
    #[serde(rename = "tableName")]
    pub table_name: String,
    /// The family.
    #[serde(rename = "columnFamily", default = "family")]
    pub column_family: String,
    /// ZooKeeper.
    #[serde(rename = "zkQuorum", default)]
    pub zk_quorum: Option<String>,
    /// The enhanced edition's address.
    #[serde(rename = "endPoint", default)]
    pub end_point: Option<String>,
    /// The user.
    #[serde(rename = "userName", default)]
    pub user_name: Option<String>,
    /// The password.
    #[serde(default)]
    pub password: Option<Secret>,
    /// Key columns are cells too.
    #[serde(rename = "writePkValue", default)]
    pub write_pk_value: bool,
    /// All values are text.
    #[serde(rename = "stringWriteMod", default)]
    pub string_write_mode: bool,
    /// Between the parts of the row key.
    #[serde(rename = "rowkeyDelimiter", default = "delimiter")]
    pub rowkey_delimiter: String,
    /// Row key, qualifier, value.
    #[serde(rename = "isDynamicTable", default)]
    pub dynamic: bool,
    #[serde(rename = "timeZone", default)]
    time_zone: Option<String>,
    #[serde(default)]
    parallelism: Option<u32>,
}

fn family() -> String {
    "cf".to_owned()
}

fn delimiter() -> String {
    ":".to_owned()
}

impl Connector for CloudHBase {
    fn descriptor(&self) -> &Descriptor {
        static IT: LazyLock<Descriptor> = LazyLock::new(|| Descriptor {
            names: &["cloudhbase", "alihbase"],
            dialect: Dialect::Blink,
            options: with_lookup(OWN, lookup_options::BLINK),
            source: false,
            sink: true,
            lookup: true,
        });
        &IT
    }

    fn bind(&self, table: &TableSpec, options: &CheckedOptions) -> Result<TableBinding> {
        let typed: CloudHBaseOptions = options.typed()?;
        let internal = options.get("diamondKey").is_some();
        if typed.zk_quorum.is_none() && typed.end_point.is_none() && !internal {
            return Err(Error::user("missing option 'zkQuorum'").help("add zkQuorum = 'host:2181', or endPoint = '…'"));
        }
        if table.primary_key.is_empty() {
            return Err(
                Error::user("an HBase table needs a PRIMARY KEY: it is the row key").help("add PRIMARY KEY (…)")
            );
        }
        if table.is_dimension && table.primary_key.len() != 1 {
            return Err(Error::user("an HBase dimension table has exactly one key column, the row key"));
        }
        if typed.dynamic && (table.physical().count() != 3 || table.primary_key.len() != 1) {
            return Err(Error::user("a dynamic table has exactly three columns: row key, qualifier, value")
                .help("declare ROW_KEY, COLUMN, VALUE as VARCHAR and PRIMARY KEY (ROW_KEY)"));
        }
        if !typed.dynamic && table.physical().count() == table.primary_key.len() {
            return Err(Error::user("the table has only key columns").help("declare at least one column for a cell"));
        }
        let mut binding = TableBinding::new(Resource::Table { name: typed.table_name });
        binding.sink = SinkChanges::Upsert;
        binding.lookup = lookup_options::blink(options)?;
        binding.time_zone = typed.time_zone;
        binding.parallelism = typed.parallelism;
        Ok(binding)
    }
}
