//! Blink's `rds` (also `drds`, `polardb`). Without a primary key rows are appended.

use std::sync::LazyLock;

use serde::Deserialize;
use tidegate_core::lookup_options::{self, with_lookup};
use tidegate_core::options::{CheckedOptions, OptionKind, OptionSpec, Secret, nearest};
use tidegate_core::registry::{Connector, Descriptor};
use tidegate_core::table::{Resource, SinkChanges, TableBinding, TableSpec};
use tidegate_core::{Dialect, Error, Result};

use OptionKind::{Boolean, Ignored, Integer, Text};

/// Tables looked up and written by SQL.
pub struct Rds;

const fn opt(name: &'static str, kind: OptionKind, doc: &'static str) -> OptionSpec {
    OptionSpec::new(name, kind, doc)
}

const OWN: &[OptionSpec] = &[
    opt("url", Text, "jdbc:mysql://host:3306/database").required(),
    opt("tableName", Text, "The table.").required(),
    opt("userName", Text, "The user.").required(),
    opt("password", OptionKind::Secret, "The password.").required(),
    opt("maxRetryTimes", Integer, "Tries after a failed statement.").default("10"),
    opt("batchSize", Integer, "Rows written at once.").default("4096"),
    opt("bufferSize", Integer, "Accepted; rows of one key are folded within an epoch.").default("10000"),
    opt("flushIntervalMs", Integer, "Accepted; the epoch is the interval.").default("2000"),
    opt("excludeUpdateColumns", Text, "Columns left alone where the key exists: 'a,b'."),
    opt("ignoreDelete", Boolean, "Deletes are not applied.").default("false"),
    opt("partitionBy", Ignored, "rows of one key keep their order"),
    opt("timeZone", Text, "The zone of times in this table.").default("Asia/Shanghai"),
    opt("parallelism", Integer, "Most tasks."),
];

/// The options as a client needs them.
#[derive(Debug, Clone, Deserialize)]
pub struct RdsOptions {
    /// `jdbc:mysql://…`
    pub url: String,
    /// The table.
    #[serde(rename = "tableName")]
    pub table_name: String,
    /// The user.
    #[serde(rename = "userName")]
    pub user_name: String,
    /// The password.
    pub password: Secret,
    /// Rows written at once.
    #[serde(rename = "batchSize", default = "batch")]
    pub batch_size: u32,
    #[serde(rename = "excludeUpdateColumns", default)]
    exclude_update_columns: Option<String>,
    #[serde(rename = "ignoreDelete", default)]
    ignore_delete: bool,
    #[serde(rename = "timeZone", default)]
    time_zone: Option<String>,
    #[serde(default)]
    parallelism: Option<u32>,
}

fn batch() -> u32 {
    4096
}

impl Connector for Rds {
    fn descriptor(&self) -> &Descriptor {
        static IT: LazyLock<Descriptor> = LazyLock::new(|| Descriptor {
            names: &["rds", "drds", "polardb"],
            dialect: Dialect::Blink,
            options: with_lookup(OWN, lookup_options::BLINK),
            source: false,
            sink: true,
            lookup: true,
        });
        &IT
    }

    fn bind(&self, table: &TableSpec, options: &CheckedOptions) -> Result<TableBinding> {
        let typed: RdsOptions = options.typed()?;
        super::url::check(&typed.url)?;
        let mut binding = TableBinding::new(Resource::Table { name: typed.table_name });
        binding.sink = match (table.primary_key.is_empty(), typed.ignore_delete) {
            (true, _) => SinkChanges::NewestValues,
            (false, true) => SinkChanges::UpsertIgnoreDelete,
            (false, false) => SinkChanges::Upsert,
        };
        binding.not_updated = excluded(table, typed.exclude_update_columns.as_deref())?;
        if !table.is_dimension
            && !table.primary_key.is_empty()
            && table.physical().all(|c| table.primary_key.contains(&c.name))
        {
            return Err(Error::user("the table has only key columns")
                .help("declare at least one column that is not in the key"));
        }
        binding.lookup = lookup_options::blink(options)?;
        binding.time_zone = typed.time_zone;
        binding.parallelism = typed.parallelism;
        Ok(binding)
    }
}

fn excluded(table: &TableSpec, text: Option<&str>) -> Result<Vec<String>> {
    let names = text.unwrap_or("").split(',').map(str::trim).filter(|n| !n.is_empty());
    let find = |name: &str| {
        let found = table.physical().find(|c| c.name.eq_ignore_ascii_case(name)).map(|c| c.name.clone());
        found.ok_or_else(|| {
            let error =
                Error::user(format!("'excludeUpdateColumns' names '{name}', which is not a column of the table"));
            match nearest(name, table.physical().map(|c| c.name.as_str())) {
                Some(n) => error.help(format!("did you mean '{n}'?")),
                None => error,
            }
        })
    };
    names.map(find).collect()
}
