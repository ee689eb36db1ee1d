//! DTStack's `elasticsearch` (5), `elasticsearch6` and `elasticsearch7`: documents are only ever
//! written; `id` says which columns make the id.

use std::sync::LazyLock;

use serde::Deserialize;
use tidegate_core::lookup_options::{self, with_lookup};
use tidegate_core::options::{CheckedOptions, OptionKind, OptionSpec, Secret, nearest};
use tidegate_core::registry::{Connector, Descriptor};
use tidegate_core::table::{Resource, SinkChanges, TableBinding, TableSpec};
use tidegate_core::{Dialect, Error, Result};

use OptionKind::{Boolean, Ignored, Integer, Text};

/// Index tables.
pub struct UFlink;

const fn opt(name: &'static str, kind: OptionKind, doc: &'static str) -> OptionSpec {
    OptionSpec::new(name, kind, doc)
}

const OWN: &[OptionSpec] = &[
    opt("address", Text, "'host:9200,host:9200'").required(),
    opt("cluster", Ignored, "the address says it"),
    opt("index", Text, "The index; in version 7 it may name a column: 'x-{column}'.").required(),
    opt("esType", Text, "The type of the documents, before version 7."),
    opt("id", Text, "The columns of the id, by name or by position from 1: 'a,b'.").default("a random id"),
    opt("authMesh", Boolean, "Whether user and password are sent.").default("false"),
    opt("userName", Text, "The user."),
    opt("password", OptionKind::Secret, "The password."),
    opt("index_definition", Text, "Settings and mapping of a new index, as JSON."),
    opt("parallelism", Integer, "Most tasks.").default("1"),
];

/// The options as a client needs them.
#[derive(Debug, Clone, Deserialize)]
pub struct UFlinkOptions {
    /// Addresses separated by commas.
    pub address: String,
    /// The index.
    pub index: String,
    /// The type of the documents.
    #[serde(rename = "esType", default)]
    pub es_type: Option<String>,
    /// Whether user and password are sent.
    #[serde(rename = "authMesh", default)]
    pub auth: bool,
    /// The user.
    #[serde(rename = "userName", default)]
    pub user_name: Option<String>,
    /// The password.
    #[serde(default)]
    pub password: Option<Secret>,
    #[serde(default)]
    parallelism: Option<u32>,
}

impl Connector for UFlink {
    fn descriptor(&self) -> &Descriptor {
        static IT: LazyLock<Descriptor> = LazyLock::new(|| Descriptor {
            names: &["elasticsearch", "elasticsearch5", "elasticsearch6", "elasticsearch7"],
            dialect: Dialect::UFlink,
            options: with_lookup(OWN, lookup_options::UFLINK),
            source: false,
            sink: true,
            lookup: true,
        });
        &IT
    }

    /// The columns of the id are the primary key, unless one is declared.
    fn declare(&self, mut table: TableSpec) -> Result<TableSpec> {
        let Some(entry) = table.options.iter().find(|o| o.name.eq_ignore_ascii_case("id")) else { return Ok(table) };
        let mut key: Vec<String> = Vec::new();
        for part in entry.value.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let name = column(&table, part).map_err(|e| e.at(entry.span))?;
            if !key.contains(&name) {
                key.push(name);
            }
        }
        if table.primary_key.is_empty() {
            table.primary_key = key;
        }
        Ok(table)
    }

    fn bind(&self, table: &TableSpec, options: &CheckedOptions) -> Result<TableBinding> {
        let typed: UFlinkOptions = options.typed()?;
        if typed.auth && (typed.user_name.is_none() || typed.password.is_none()) {
            return Err(Error::user("authMesh = 'true' needs userName and password"));
        }
        let mut binding = TableBinding::new(Resource::Table { name: typed.index });
        let keyless = table.primary_key.is_empty();
        binding.sink = if keyless { SinkChanges::NewestValues } else { SinkChanges::UpsertIgnoreDelete };
        binding.lookup = lookup_options::uflink(options)?;
        binding.parallelism = typed.parallelism;
        Ok(binding)
    }
}

fn column(table: &TableSpec, part: &str) -> Result<String> {
    if let Ok(position) = part.parse::<usize>() {
        let found = position.checked_sub(1).and_then(|i| table.physical().nth(i));
        return found
            .map(|c| c.name.clone())
            .ok_or_else(|| Error::user(format!("'id': there is no column {position}")));
    }
    if let Some(found) = table.physical().find(|c| c.name.eq_ignore_ascii_case(part)) {
        return Ok(found.name.clone());
    }
    let error = Error::user(format!("'id' names '{part}', which is not a column of the table"));
    Err(match nearest(part, table.physical().map(|c| c.name.as_str())) {
        Some(n) => error.help(format!("did you mean '{n}'?")),
        None => error,
    })
}
