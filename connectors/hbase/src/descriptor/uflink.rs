//! DTStack's `hbase`: columns are `family:qualifier`, the row key is put together from columns.
//! Deletes are never written; a NULL leaves a cell as it is.

use std::sync::LazyLock;

use serde::Deserialize;
use tidegate_core::lookup_options::{self, with_lookup};
use tidegate_core::options::{CheckedOptions, OptionKind, OptionSpec, nearest};
use tidegate_core::registry::{Connector, Descriptor};
use tidegate_core::table::{Resource, SinkChanges, TableBinding, TableSpec};
use tidegate_core::{Dialect, Error, Result};

use super::rowkey::{self, KeyPart};

use OptionKind::{Boolean, Ignored, Integer, OneOf, Text};

/// Tables of cells.
pub struct UFlink;

const fn opt(name: &'static str, kind: OptionKind, doc: &'static str) -> OptionSpec {
    OptionSpec::new(name, kind, doc)
}

const OWN: &[OptionSpec] = &[
    opt("zookeeperQuorum", Text, "ZooKeeper: 'host:2181,host:2181'.").required(),
    opt("zookeeperParent", Text, "HBase's node in ZooKeeper.").default("/hbase"),
    opt("tableName", Text, "The table.").required(),
    opt("rowKey", Text, "Of which columns the row key is made: 'a+b', 'md5(a)'."),
    opt("updateMode", OneOf(&["APPEND", "UPSERT"]), "Accepted; rows are written by key.").default("APPEND"),
    opt("batchSize", Integer, "Rows written at once.").default("100"),
    opt("batchWaitInterval", Integer, "Accepted; the epoch is the interval.").default("1000"),
    opt("preRowKey", Boolean, "Accepted.").default("false"),
    opt("parallelism", Integer, "Most tasks.").default("1"),
    opt("kerberosAuthEnable", Boolean, "Kerberos.").default("false"),
    opt("regionserverPrincipal", Text, "Kerberos."),
    opt("clientPrincipal", Text, "Kerberos."),
    opt("clientKeytabFile", Text, "Kerberos."),
    opt("zookeeperSaslClient", Ignored, "Kerberos."),
    opt("securityKrb5Conf", Text, "Kerberos."),
    opt("cell.*", Text, "Family and qualifier of a column, from its declaration."),
];

/// The options as a client needs them.
#[derive(Debug, Clone, Deserialize)]
pub struct UFlinkOptions {
    /// ZooKeeper.
    #[serde(rename = "zookeeperQuorum")]
    pub quorum: String,
    /// HBase's node in ZooKeeper.
    #[serde(rename = "zookeeperParent", default)]
    pub parent: Option<String>,
    /// The table.
    #[serde(rename = "tableName")]
    pub table_name: String,
    #[serde(default)]
    parallelism: Option<u32>,
}

impl Connector for UFlink {
    fn descriptor(&self) -> &Descriptor {
        static IT: LazyLock<Descriptor> = LazyLock::new(|| Descriptor {
            names: &["hbase"],
            dialect: Dialect::UFlink,
            options: with_lookup(OWN, lookup_options::UFLINK),
            source: false,
            sink: true,
            lookup: true,
        });
        &IT
    }

    /// The columns of the row key are the primary key, unless one is declared.
    fn declare(&self, mut table: TableSpec) -> Result<TableSpec> {
        let Some(entry) = table.options.iter().find(|o| o.name.eq_ignore_ascii_case("rowKey")) else {
            if table.primary_key.is_empty() {
                return Err(
                    Error::user("missing option 'rowKey'").help("say of which columns it is made: rowKey = 'a+b'")
                );
            }
            return Ok(table);
        };
        let span = entry.span;
        let mut key = Vec::new();
        for part in rowkey::parse(&entry.value).map_err(|e| e.at(span))? {
            let (KeyPart::Column(name) | KeyPart::Function(_, name)) = part else { continue };
            let found = table.physical().find(|c| matches(&table, &c.name, &name)).map(|c| c.name.clone());
            let found = found.ok_or_else(|| {
                let error =
                    Error::user(format!("'rowKey' names '{name}', which is not a column of the table")).at(span);
                match nearest(&name, table.physical().map(|c| c.name.as_str())) {
                    Some(n) => error.help(format!("did you mean '{n}'?")),
                    None => error,
                }
            })?;
            if !key.contains(&found) {
                key.push(found);
            }
        }
        if key.is_empty() {
            return Err(Error::user("'rowKey' names no column").at(span));
        }
        if table.primary_key.is_empty() {
            table.primary_key = key;
        }
        Ok(table)
    }

    fn bind(&self, _: &TableSpec, options: &CheckedOptions) -> Result<TableBinding> {
        let typed: UFlinkOptions = options.typed()?;
        let mut binding = TableBinding::new(Resource::Table { name: typed.table_name });
        binding.sink = SinkChanges::UpsertIgnoreDelete;
        binding.null_keeps = true;
        binding.lookup = lookup_options::uflink(options)?;
        binding.parallelism = typed.parallelism;
        Ok(binding)
    }
}

/// Whether a part of the row key means a column: by its name, its cell, or its qualifier alone.
fn matches(table: &TableSpec, column: &str, name: &str) -> bool {
    if column.eq_ignore_ascii_case(name) {
        return true;
    }
    let cell = format!("cell.{column}");
    table.options.iter().filter(|o| o.name == cell).any(|o| {
        o.value.eq_ignore_ascii_case(name) || o.value.split_once(':').is_some_and(|(_, q)| q.eq_ignore_ascii_case(name))
    })
}
