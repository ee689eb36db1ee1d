//! Blink's `elasticsearch`: the primary key, one column, is the id; without it ids are made up.

use serde::Deserialize;
use tidegate_core::options::{CheckedOptions, OptionKind, OptionSpec, Secret, nearest};
use tidegate_core::registry::{Connector, Descriptor};
use tidegate_core::table::{Resource, SinkChanges, TableBinding, TableSpec};
use tidegate_core::{Dialect, Error, Result};

use OptionKind::{Boolean, Integer, OneOf, Text};

/// Index tables.
pub struct Blink;

const fn opt(name: &'static str, kind: OptionKind, doc: &'static str) -> OptionSpec {
    OptionSpec::new(name, kind, doc)
}

const OWN: &[OptionSpec] = &[
    opt("endPoint", Text, "http://host:9200").required(),
    opt("accessId", Text, "The user.").required(),
    opt("accessKey", OptionKind::Secret, "The password.").required(),
    opt("index", Text, "The index.").required(),
    opt("typeName", Text, "The type of the documents.").default("_doc"),
    opt("bufferSize", Integer, "Documents written at once.").default("1000"),
    opt("maxRetryTimes", Integer, "Tries after a failed request.").default("30"),
    opt("timeout", Integer, "How long a request may take, in ms.").default("600000"),
    opt("discovery", Boolean, "Ask the cluster for its servers.").default("false"),
    opt("compression", Boolean, "Compress requests.").default("true"),
    opt("multiThread", OptionKind::Ignored, "requests run beside one another as they are"),
    opt("ignoreWriteError", Boolean, "Refused documents are dropped and counted.").default("false"),
    opt("settings", Text, "Settings of a new index, as JSON."),
    opt("updateMode", OneOf(&["full", "inc"]), "full: replace the document; inc: only the columns written.")
        .default("full"),
    opt("dynamicIndex", Boolean, "An index for each period.").default("false"),
    opt("indexField", Text, "The column that says the period."),
    opt("indexInterval", OneOf(&["d", "w", "m"]), "Day, week or month.").default("d"),
    opt("mapping", Text, "The mapping of a new index, as JSON."),
    opt("timeZone", Text, "The zone of times in this table.").default("Asia/Shanghai"),
    opt("parallelism", Integer, "Most tasks."),
];

/// The options as a client needs them.
#[derive(Debug, Clone, Deserialize)]
pub struct BlinkOptions {
    /// The address.
    #[serde(rename = "endPoint")]
    pub end_point: String,
    /// The user.
    #[serde(rename = "accessId")]
    pub access_id: String,
    /// The password.
    #[serde(rename = "accessKey")]
    pub access_key: Secret,
    /// The index.
    pub index: String,
    /// The type of the documents.
    #[serde(rename = "typeName", default = "doc")]
    pub type_name: String,
    /// Only the columns written.
    #[serde(rename = "updateMode", default)]
    pub update_mode: Option<String>,
    #[serde(rename = "dynamicIndex", default)]
    dynamic_index: bool,
    #[serde(rename = "indexField", default)]
    index_field: Option<String>,
    #[serde(rename = "timeZone", default)]
    time_zone: Option<String>,
    #[serde(default)]
    parallelism: Option<u32>,
}

fn doc() -> String {
    "_doc".to_owned()
}

impl Connector for Blink {
    fn descriptor(&self) -> &Descriptor {
        const IT: &Descriptor = &Descriptor {
            names: &["elasticsearch"],
            dialect: Dialect::Blink,
            options: OWN,
            source: false,
            sink: true,
            lookup: false,
        };
        IT
    }

    fn bind(&self, table: &TableSpec, options: &CheckedOptions) -> Result<TableBinding> {
        let typed: BlinkOptions = options.typed()?;
        if table.primary_key.len() > 1 {
            return Err(Error::user("an Elasticsearch table has one key column: it is the document's id")
                .help("concatenate the parts into one column and make it the key"));
        }
        if typed.dynamic_index {
            check_field(table, typed.index_field.as_deref())?;
        }
        let mut binding = TableBinding::new(Resource::Table { name: typed.index });
        binding.sink = if table.primary_key.is_empty() { SinkChanges::NewestValues } else { SinkChanges::Upsert };
        binding.time_zone = typed.time_zone;
        binding.parallelism = typed.parallelism;
        Ok(binding)
    }
}

fn check_field(table: &TableSpec, field: Option<&str>) -> Result<()> {
    let Some(field) = field else {
        return Err(Error::user("dynamicIndex = 'true' needs indexField").help("name the column that says the period"));
    };
    if table.physical().any(|c| c.name.eq_ignore_ascii_case(field)) {
        return Ok(());
    }
    let error = Error::user(format!("'indexField' names '{field}', which is not a column of the table"));
    Err(match nearest(field, table.physical().map(|c| c.name.as_str())) {
        Some(n) => error.help(format!("did you mean '{n}'?")),
        None => error,
    })
}
