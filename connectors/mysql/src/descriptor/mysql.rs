//! UFlink's and DTStack's `mysql`. Deletes are never written; unless `allReplace` is set, a NULL
//! leaves an existing value as it is.

use std::sync::LazyLock;

use serde::Deserialize;
use tidegate_core::lookup_options::{self, with_lookup};
use tidegate_core::options::{CheckedOptions, OptionKind, OptionSpec, Secret};
use tidegate_core::registry::{Connector, Descriptor};
use tidegate_core::table::{Resource, SinkChanges, TableBinding, TableSpec};
use tidegate_core::{Dialect, Error, Result};

use OptionKind::{Boolean, Ignored, Integer, OneOf, Text};

/// Tables looked up and written by SQL.
pub struct MySql;

const fn opt(name: &'static str, kind: OptionKind, doc: &'static str) -> OptionSpec {
    OptionSpec::new(name, kind, doc)
}

pub(super) const OWN: &[OptionSpec] = &[
    opt("url", Text, "jdbc:mysql://host:3306/database").required(),
    opt("userName", Text, "The user.").required(),
    opt("password", OptionKind::Secret, "The password.").required(),
    opt("tableName", Text, "The table.").required(),
    opt("schema", Text, "The database of the table, where it is not the url's."),
    opt("driverName", Ignored, "the driver is built in"),
    opt("parallelism", Integer, "Most tasks.").default("1"),
    opt("batchSize", Integer, "Rows written at once.").default("100"),
    opt("batchWaitInterval", Integer, "Accepted; the epoch is the interval.").default("10000"),
    opt("allReplace", Boolean, "A NULL replaces an existing value too.").default("false"),
    opt("updateMode", OneOf(&["append", "upsert"]), "append: plain inserts; upsert: by primary key.")
        .default("upsert with a primary key, else append"),
    opt("errorLimit", Ignored, "bad rows are handled by tidegate.on-error"),
];

/// The options as a client needs them.
#[derive(Debug, Clone, Deserialize)]
pub struct MySqlOptions {
    /// `jdbc:mysql://…`
    pub url: String,
    /// The user.
    #[serde(rename = "userName")]
    pub user_name: String,
    /// The password.
    pub password: Secret,
    /// The table.
    #[serde(rename = "tableName")]
    pub table_name: String,
    /// The table's database.
    #[serde(default)]
    pub schema: Option<String>,
    /// Rows written at once.
    #[serde(rename = "batchSize", default = "batch")]
    pub batch_size: u32,
    #[serde(rename = "allReplace", default)]
    all_replace: bool,
    #[serde(rename = "updateMode", default)]
    update_mode: Option<String>,
    #[serde(default)]
    parallelism: Option<u32>,
}

fn batch() -> u32 {
    100
}

impl Connector for MySql {
    fn descriptor(&self) -> &Descriptor {
        static IT: LazyLock<Descriptor> = LazyLock::new(|| Descriptor {
            names: &["mysql"],
            dialect: Dialect::UFlink,
            options: with_lookup(OWN, lookup_options::UFLINK),
            source: false,
            sink: true,
            lookup: true,
        });
        &IT
    }

    fn bind(&self, table: &TableSpec, options: &CheckedOptions) -> Result<TableBinding> {
        let typed: MySqlOptions = options.typed()?;
        super::url::check(&typed.url)?;
        let mut binding = TableBinding::new(Resource::Table { name: typed.table_name });
        binding.sink = match (typed.update_mode.as_deref(), table.primary_key.is_empty()) {
            (Some("upsert"), true) => {
                return Err(Error::user("updateMode = 'upsert' needs a PRIMARY KEY").help("add PRIMARY KEY (…)"));
            }
            (Some("append"), _) | (None, true) => SinkChanges::NewestValues,
            _ => SinkChanges::UpsertIgnoreDelete,
        };
        binding.null_keeps = binding.sink == SinkChanges::UpsertIgnoreDelete && !typed.all_replace;
        binding.lookup = lookup_options::uflink(options)?;
        binding.parallelism = typed.parallelism;
        Ok(binding)
    }
}
